"""Who may use a studio: hosts, origins and tokens."""

import pytest

from lightsaft_infer import ArgumentError

studios = pytest.importorskip("studios")  # needs the extra `studio`, and httpx

from lightsaft_infer.studio.security import check_address  # noqa: E402

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def studio(model_path, tmp_path_factory):
    with studios.running(studios.settings_in(tmp_path_factory.mktemp("studio"), model_path)) as studio:
        yield studio


@pytest.fixture(scope="module")
def guarded(model_path, tmp_path_factory):
    """A studio on all addresses, with a token."""
    folder = tmp_path_factory.mktemp("studio")
    with studios.running(studios.settings_in(folder, model_path, host="0.0.0.0", token=TOKEN)) as studio:
        yield studio


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}"])
def test_own_hosts(studio, host):
    assert studio.client.get("/api/jobs", headers={"host": host.format(port=studio.port)}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "evil.example", "localhost.evil.example", "127.0.0.1.evil", "", "[", "a@b"]
)
@pytest.mark.parametrize("path", ["/", "/api/jobs", "/openapi.json"])
def test_other_hosts(studio, host, path):
    answer = studio.client.get(path, headers={"host": host.format(port=studio.port)})
    assert answer.status_code in (400, 403)  # 400: the server itself refuses some
    assert "song" not in answer.text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "http://127.0.0.1"]
)
def test_other_origins(studio, origin):
    for answer in (
        studio.client.post(
            "/api/uploads?name=a", content=b"x", headers={"origin": origin, "content-type": "text/plain"}
        ),
        studio.client.delete("/api/jobs/x", headers={"origin": origin}),
        studio.client.get("/api/jobs", headers={"origin": origin}),
    ):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert list(studio.folder.uploads.iterdir()) == []


def test_the_name_of_a_proxy(model_path, tmp_path):
    settings = studios.settings_in(tmp_path, model_path, workers=0, names=("Studio.example",))
    with studios.running(settings) as studio:
        headers = {"host": "studio.example", "origin": "https://studio.example"}
        assert studio.client.get("/api/jobs", headers=headers).status_code == 200
        assert studio.client.get("/api/jobs", headers={"host": "evil.example"}).status_code == 403


def test_the_own_origin_and_other_sites(studio):
    assert studio.client.get("/api/jobs", headers={"origin": studio.url}).status_code == 200
    for site, status in {"same-origin": 200, "none": 200, "cross-site": 403, "same-site": 403}.items():
        assert studio.client.get("/api/jobs", headers={"sec-fetch-site": site}).status_code == status
    assert studio.client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200  # a link to it


def test_the_page_loads_nothing_from_elsewhere(studio):
    answer = studio.client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    for path in ("/", "/studio.js", "/studio.css", "/report.css"):
        answer = studio.client.get(path)
        assert answer.status_code == 200
        assert "://" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer \xe9".encode("latin-1")},
        {"cookie": "lightsaft-token=wrong"},
        {"cookie": "lightsaft-token"},
        {"cookie": f"other={TOKEN}"},
    ],
)
def test_bad_tokens(guarded, headers):
    for path in ("/", "/api/jobs", "/studio.js", "/openapi.json", "/?token=wrong"):
        answer = guarded.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert "token" in answer.json()["error"]
    assert guarded.client.post("/api/uploads?name=a", content=b"x", headers=headers).status_code == 401
    assert guarded.client.get(f"/api/jobs?token={TOKEN}", headers=headers).status_code == 401  # only of the page


def test_a_good_token(guarded):
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert guarded.client.get("/api/jobs", headers=headers).json() == []
    answer = guarded.client.get(f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
    cookies = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert guarded.client.get("/", headers=cookies).status_code == 200
    assert guarded.client.get("/api/jobs", headers=cookies).json() == []
    assert guarded.client.get("/api/jobs", headers=headers | {"host": "evil.example"}).status_code == 403
    guarded.client.cookies.clear()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_another_address_needs_a_token(host):
    with pytest.raises(ArgumentError, match="give it a token by --token"):
        check_address(host, None)
    check_address(host, TOKEN)


@pytest.mark.parametrize("token", ["short", "with a space in it", "semicolon;semicolon", "ümlaut-ümlaut-ümlaut"])
def test_a_token_that_is_no_good(token):
    with pytest.raises(ArgumentError, match="expected a token of 16"):
        check_address("127.0.0.1", token)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_addresses_need_none(host):
    check_address(host, None)
