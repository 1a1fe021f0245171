"""No service has a place outside the sandbox that it could write to: asked of their own lists of options."""

import json
import subprocess
from pathlib import Path

import pytest

from sandbox import Environment, Sandbox
from sandbox.extras import EXTRAS

# Registers every option that a service and the libraries under it publish, reads the sandbox's file, prints the values.
ASK = """
import json, sys
from oslo_config import cfg, generator
config, folder, *namespaces = sys.argv[1:]
conf = cfg.ConfigOpts()
every = [(getattr(group, "name", group), opts) for _, listed in generator._list_opts(namespaces) for group, opts in listed]
for group, opts in every:
    for opt in opts:
        opt.required = False
        try:
            conf.register_opt(opt, group=None if group in (None, "DEFAULT") else group)
        except cfg.DuplicateOptError:
            pass
conf(["--config-file", config], project="nothing", default_config_dirs=[])
found = {}
for group, opts in every:
    for opt in opts:
        where = conf if group in (None, "DEFAULT") else conf[group]
        found[f"{group or 'DEFAULT'}.{opt.name}"] = str(where[opt.dest])
json.dump(found, sys.stdout)
"""
COMMON = ("oslo.log", "oslo.policy", "oslo.middleware", "oslo.concurrency", "keystonemiddleware.auth_token", "oslo.db")
SERVICES = {
    "keystone": ("keystone", *COMMON),
    "neutron": ("neutron", "neutron.ml2", *COMMON),
    "octavia": ("octavia", *COMMON),
    "barbican": ("barbican.common.config", "barbican.plugin.crypto", "barbican.plugin.crypto.simple", *COMMON),
    "designate": ("designate.conf", *COMMON),
}
ONLY_READ = {  # and only where something is in use that is not in use here
    "federation.sso_callback_template": "single sign-on",
    "jwt_tokens.jws_private_key_repository": "tokens of type jws; these are fernet",
    "jwt_tokens.jws_public_key_repository": "tokens of type jws; these are fernet",
    "saml.certfile": "SAML",
    "saml.keyfile": "SAML",
    "saml.idp_metadata_path": "SAML",
    "saml.xmlsec1_binary": "SAML",
    "amphora_agent.agent_server_ca": "amphorae",
    "amphora_agent.agent_server_cert": "amphorae",
    "haproxy_amphora.client_cert": "amphorae",
    "haproxy_amphora.server_ca": "amphorae",
    "haproxy_amphora.haproxy_cmd": "amphorae",
    "controller_worker.client_ca": "amphorae",
    "certificates.ca_certificate": "amphorae",
    "certificates.ca_private_key": "amphorae",
    "audit.audit_map_file": "audit",
    "oslo_middleware.http_basic_auth_user_file": "HTTP basic authentication",
}


@pytest.mark.parametrize("service", SERVICES)
def test_all_places_are_the_sandboxs_own(
    request: pytest.FixtureRequest, box: Sandbox, env: Environment, service: str
) -> None:
    del env
    if service in EXTRAS:
        request.getfixturevalue("full")
    folder = box.state / "openstack"
    python = json.loads((box.state / "made-with.json").read_text())["python"]
    command = [python, "-W", "ignore", "-c", ASK, str(folder / f"{service}.conf"), str(folder), *SERVICES[service]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert len(values) > 100, "their options are not listed where they were"
    own = (f"{folder}/", f"{Path(python).parent.parent}/")
    outside = {
        name: value
        for name, value in values.items()
        if value.lstrip("['\"").startswith(("/", "~", "$")) and not value.lstrip("['\"").startswith(own)
    }
    assert {name: value for name, value in outside.items() if name not in ONLY_READ} == {}


def test_no_secret_of_its_state_can_be_read_by_others(box: Sandbox, env: Environment) -> None:
    del env
    secret = ["openstack/seeded.json", "openstack/keystone.conf", "environment.json", "kubernetes/tokens.csv"]
    secret += ["openstack/fernet", "openstack/receipts", "openstack/credential-keys", "openstack/pg"]
    open_to_others = [name for name in secret if (box.state / name).stat().st_mode & 0o077]
    assert open_to_others == []
