"""What the doctor and the bundle ask an API server for, over HTTP: requests as they are, answers as they come."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.plugin.cluster import Cluster, ClusterError

GROUP = "/apis/network.infomaniak.cloud/v1alpha1"
SECRET = {
    "metadata": {"name": "s", "namespace": "n", "labels": {"a": "true"}},
    "data": {"password": base64.b64encode(b"pass").decode()},
}
POD = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"name": "operator"}]}}
EVENT = {
    "metadata": {"name": "e", "namespace": "n"},
    "involvedObject": {"kind": "Port", "name": "p"},
    "message": "said",
    "lastTimestamp": "2026-11-28T12:00:00Z",
}
ANSWERS = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.1", "gitCommit": "", "gitTreeState": "", "buildDate": ""}
    | {"goVersion": "", "compiler": "", "platform": ""},
    GROUP: {"kind": "APIResourceList", "groupVersion": "network.infomaniak.cloud/v1alpha1", "resources": [
        {"name": name, "singularName": "", "namespaced": True, "kind": "K", "verbs": []} for name in ("ports", "ports/status")
    ]},
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a": {"metadata": {"name": "a"}, "spec": {"x-odd": 1}},
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"status": {"allowed": True}},
    "/apis/apps/v1/deployments": {"items": [{"metadata": {"name": "d"}}]},
    "/apis/coordination.k8s.io/v1/namespaces/n/leases": {"items": [{"metadata": {"name": "l"}}]},
    "/api/v1/namespaces/n/pods": {"items": [POD]},
    "/api/v1/namespaces/n/pods/p/log": "one\ntwo \u00e9 \x00\n",
    "/api/v1/events": {"items": [EVENT]},
    "/api/v1/namespaces/n/secrets/s": SECRET,
    "/api/v1/secrets": {"items": [SECRET]},
    "/api/v1/namespaces/n/secrets": {"items": None},
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        path = parts.path.rstrip("/")
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, path, parse_qs(parts.query), sent))
        found = self.server.answers.get(path)
        status = 404 if found is None else 201 if self.command == "POST" else 200
        if found is None:
            found = {"message": f"{parts.path} not found"}
        if isinstance(found, int):
            status, found = found, {"message": "forbidden"}
        raw = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_GET  # noqa: N815 - as the library calls it

    def log_message(self, *args):
        pass


@pytest.fixture
def api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked = dict(ANSWERS), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cluster(api, tmp_path):
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{api.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [context],
        "current-context": "c",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
    return Cluster(str(path))


def test_each_look(cluster, api):
    version = cluster.version()
    assert version.text == "v1.34.1"
    assert version.date.endswith(" GMT")
    assert cluster.served() == {"ports", "ports/status"}
    assert cluster.definition("a") == {"metadata": {"name": "a"}, "spec": {"x-odd": 1}}
    assert cluster.deployments(None, "a=b") == [{"metadata": {"name": "d"}}]
    assert cluster.leases("n") == [{"metadata": {"name": "l"}}]
    (pod,) = cluster.pods("n", "a=b")
    assert pod["spec"]["containers"] == [{"name": "operator"}]
    (event,) = cluster.all_events(None)
    assert (event["message"], event["involvedObject"]) == ("said", {"kind": "Port", "name": "p"})
    json.dumps([pod, event])
    secret = cluster.labelled_secret("n", "s")
    assert (secret.namespace, secret.name, secret.labels, secret.data) == (
        "n",
        "s",
        {"a": "true"},
        {"password": b"pass"},
    )
    assert "pass" not in repr(secret)
    assert cluster.labelled_secrets(None, "a=true") == [secret]
    assert cluster.labelled_secrets("n", "a=true") == []
    selectors = {path: query["labelSelector"] for _, path, query, _ in api.asked if "labelSelector" in query}
    assert selectors["/apis/apps/v1/deployments"] == ["a=b"]
    assert selectors["/api/v1/secrets"] == ["a=true"]


def test_a_log_is_asked_for_by_its_last_lines(cluster, api):
    assert cluster.log("n", "p", "operator", 7, previous=True) == "one\ntwo \u00e9 \x00\n"
    ((_, _, query, _),) = api.asked
    assert (query["tailLines"], query["container"], query["previous"]) == (["7"], ["operator"], ["true"])
    assert int(query["limitBytes"][0]) > 0


def test_a_review_is_asked_for_what_it_is_about(cluster, api):
    assert cluster.allowed("list", "g", "things", "n") is True
    assert cluster.allowed("get", "", "secrets", None) is True
    sent = [json.loads(body)["spec"]["resourceAttributes"] for _, _, _, body in api.asked]
    assert sent == [
        {"verb": "list", "group": "g", "resource": "things", "namespace": "n"},
        {"verb": "get", "group": "", "resource": "secrets", "namespace": ""},
    ]


def test_a_review_that_says_nothing_is_no_yes_and_no_no(cluster, api):
    api.answers["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = {}
    with pytest.raises(ClusterError):
        cluster.allowed("get", "", "secrets", None)


@pytest.mark.parametrize(
    "odd", ["no JSON, opensesame", "[]", json.dumps({"metadata": 3, "data": {"password": "opensesame"}})], ids=str
)
def test_an_odd_answer_is_not_repeated_for_it_may_be_a_secret(cluster, api, odd):
    api.answers["/api/v1/namespaces/n/secrets/s"] = odd
    with pytest.raises(ClusterError) as caught:
        cluster.labelled_secret("n", "s")
    assert "opensesame" not in str(caught.value)


def test_what_is_not_there_is_told_from_what_is_refused(cluster, api):
    assert cluster.definition("none") is None
    del api.answers[GROUP]
    assert cluster.served() == frozenset()
    with pytest.raises(ClusterError) as caught:
        cluster.labelled_secret("n", "none")
    assert caught.value.status == 404
    api.answers = dict.fromkeys(ANSWERS, 403)
    looks = (
        cluster.version,
        cluster.served,
        lambda: cluster.definition("a"),
        lambda: cluster.allowed("list", "", "pods", "n"),
        lambda: cluster.deployments(None, ""),
        lambda: cluster.leases("n"),
        lambda: cluster.pods("n", ""),
        lambda: cluster.log("n", "p", "operator", 1, previous=False),
        lambda: cluster.all_events(None),
        lambda: cluster.labelled_secret("n", "s"),
        lambda: cluster.labelled_secrets(None, "a=b"),
    )
    for look in looks:
        with pytest.raises(ClusterError) as caught:
            look()
        assert caught.value.status == 403
        assert "forbidden" in str(caught.value)


def test_an_api_server_that_is_away_has_no_status(cluster, api):
    api.shutdown()
    api.server_close()
    with pytest.raises(ClusterError) as caught:
        cluster.version()
    assert caught.value.status is None


@pytest.mark.parametrize("odd", [{}, {"kind": "Status", "status": "Success"}, [], "", "null", "<html>"])
def test_an_answer_that_is_no_list_is_never_an_empty_one(cluster, api, odd):
    api.answers |= {f"{GROUP}/{kind.plural}": {"items": []} for kind in KINDS.values()}
    assert cluster.objects(None) == []
    looks = {
        f"{GROUP}/pools": lambda: cluster.objects(None),
        "/apis/apps/v1/deployments": lambda: cluster.deployments(None, "a=b"),
        "/api/v1/events": lambda: cluster.all_events(None),
        "/api/v1/secrets": lambda: cluster.labelled_secrets(None, "a=b"),
    }
    for path, look in looks.items():
        api.answers[path] = odd
        with pytest.raises(ClusterError, match="cannot be read"):
            look()
