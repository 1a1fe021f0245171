"""``preflight``: what manifests need of quota, references and names, before they are applied."""
