"""What a stranger may write in place of a ``clouds.yaml``, by what it is."""

from __future__ import annotations

from infomaniak_operator.client.clouds_yaml import MAX_BYTES

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HALF = MAX_BYTES // 2
HOSTILE = {
    "a date that is none": "clouds: {one: {auth: {auth_url: 2026-99-99}}}",
    "an int that is none": "clouds: {one: {auth: {auth_url: !!int x}}}",
    "a float that is none": "clouds: {one: !!float x}",
    "binary that is none": "clouds: {one: !!binary '%'}",
    "a set": "clouds: !!set [a]",
    "an object": "clouds: !!python/object/apply:os.system [id]",
    "a local tag": "clouds: !own {one: {}}",
    "5,000 brackets": "[" * 5000,
    "5,000 brackets, closed": "clouds: " + "[" * 5000 + "]" * 5000,
    "5,000 braces": "{" * 5000,
    "5,000 dashes": "- " * 5000,
    "a stairway": "".join(" " * depth + "a:\n" for depth in range(300)),
    "aliases of aliases": LAUGHS,
    "an alias of itself": "clouds: &a {one: *a}",
    "a merge key": "base: &b {auth: {}}\nclouds: {one: {<<: *b}}",
    "an anchor alone": "clouds: &a {one: {auth: {}}}",
    "a surrogate": 'clouds: {one: {auth: {auth_url: "\\ud800"}}}',
    "a raw surrogate": "clouds: {one: {auth: {auth_url: \ud800}}}",
    "NUL": "clouds: \0",
    "NUL, escaped": 'clouds: {one: {auth: {auth_url: "https://host/\\0"}}}',
    "a bell in a password": 'clouds: {one: {auth: {auth_url: "https://h/v3", username: "a\\a", password: "b"}}}',
    "a huge int": f"clouds: {{one: {{auth: {{auth_url: {'9' * 60_000}}}}}}}",
    "a huge int as key": f"clouds: {{? {'9' * 900} : {{}}}}",
    "a list as key": "clouds: {? [a] : b}",
    "two documents": "clouds: {}\n---\nclouds: {}\n",
    "many documents": "---\n" * 10_000,
    "many values": "clouds: [" + "a," * 20_000 + "]",
    "many keys": "".join(f"k{number}: 1\n" for number in range(6000)),
    "many names": "clouds:\n" + "".join(f" k{number}: 1\n" for number in range(4000)),
    "a name of 60,000": f"clouds: {{'{'n' * 60_000}': 1}}",
    "a name of escapes": 'clouds: {"a\\nforged: line\\x1b[2J": 1, b: 2}',
    "a key of escapes": 'clouds: {one: {"a\\nforged: line\\x1b[2J": 1}}',
    "too much": "#" * (MAX_BYTES + 1),
    "only stars": "*" * HALF,
    "only blanks": " " * HALF,
    "only tabs": "\t" * HALF,
    "directives": "%YAML 1.1\n" * 5000,
    "no UTF-8": b"clouds: \xff",
}
