"""OpenStack as a customer of the sandbox calls it, with nothing but the standard library: below our own client."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from sandbox import Environment, Project


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class Customer:
    """A customer's application credential at work."""

    def __init__(self, env: Environment, project: Project) -> None:
        self.project = project
        credential = {"id": project.application_credential_id, "secret": project.application_credential_secret}
        identity = {"methods": ["application_credential"], "application_credential": credential}
        self.auth_token = ""
        answer = self.call("POST", f"{env.auth_url}/auth/tokens", {"auth": {"identity": identity}})
        self.auth_token = answer.headers["x-subject-token"]
        self.token = answer.body["token"]
        self.urls = {
            entry["type"]: endpoint["url"] for entry in self.token["catalog"] for endpoint in entry["endpoints"]
        }

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        sent = {"Content-Type": "application/json", "X-Auth-Token": self.auth_token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return self._answer(answer.status, answer)
        except urllib.error.HTTPError as error:
            return self._answer(error.code, error)

    @staticmethod
    def _answer(status: int, answer: Any) -> Answer:
        text = answer.read()
        if answer.headers.get("content-type") == "application/octet-stream":
            return Answer(status, text, {name.lower(): value for name, value in answer.headers.items()})
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if "json" not in headers.get("content-type", ""):  # an empty answer, or one of what stands before the service
            return Answer(status, text.decode() or None, headers)
        return Answer(status, json.loads(text), headers)

    def neutron(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call(method, f"{self.urls['network']}/v2.0/{path}", body, **headers)

    def octavia(self, method: str, path: str, body: Any = None) -> Answer:
        return self.call(method, f"{self.urls['load-balancer']}/v2/lbaas/{path}", body)

    def barbican(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Also with the address that Barbican gave for a secret or a container."""
        url = path if path.startswith("http") else f"{self.urls['key-manager']}/v1/{path}"
        return self.call(method, url, body, **headers)

    def designate(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call(method, f"{self.urls['dns']}/v2/{path}", body, **headers)
