"""The custom resources: one definition a kind. Knows only itself."""
