//! `wasmill push` and `wasmill pull` with a real registry.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;
use wasmill_tests_full::registry::{Place, Registry, chain};

#[test]
fn a_component_comes_back_by_tag_and_by_digest() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let (chain, bytes) = (chain(), std::fs::read(chain()).unwrap());
    let digest = place.push(&chain, &registry.reference("models/chain:1"));
    assert_eq!(place.push(&chain, &registry.reference("models/chain:1")), digest, "the same file");
    assert_eq!(place.push(&chain, &registry.reference("copy")), digest, "the same file by another name");

    let (code, stdout, stderr) = place.wasmill(&["pull", &registry.reference("models/chain:1")]);
    assert_eq!((code, stdout), (0, format!("oci://HOST/models/chain@{digest}\n")));
    assert!(stderr.starts_with("chain.wasm: ") && stderr.ends_with(" bytes\n"), "{stderr}");
    assert!(std::fs::read(place.path("chain.wasm")).unwrap() == bytes);

    std::fs::write(place.path("b.wasm"), "another").unwrap();
    let pinned = registry.reference(&format!("models/chain@{digest}"));
    let (code, stdout, stderr) = place.wasmill(&["pull", &pinned, "--to", "b.wasm", "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let expect = json!({
        "reference": format!("oci://HOST/models/chain@{digest}"), "digest": digest, "file": "b.wasm", "bytes": bytes.len(),
    });
    assert_eq!((code, said, stderr.as_str()), (0, expect, ""));
    assert!(std::fs::read(place.path("b.wasm")).unwrap() == bytes);

    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let manifest = registry.get(&format!("/v2/models/chain/manifests/{digest}"), manifest);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config = registry.get(&format!("/v2/models/chain/blobs/{config}"), "*/*");
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([manifest["layers"][0]["digest"]]));
    assert_eq!(config["component"]["exports"], json!(["wasmill:pipeline/score@0.1.0"]));
    let imports = config["component"]["imports"].as_array().unwrap();
    assert!(imports.contains(&json!("wasmill:pipeline/transform@0.1.0")), "{imports:?}");
}

#[test]
fn what_the_registry_does_not_have_is_said_with_what_it_has() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    for tag in ["1", "2"] {
        place.push(&chain(), &registry.reference(&format!("chain:{tag}")));
    }
    let nothing = format!("sha256:{}", "0".repeat(64));
    for (reference, expect) in [
        ("chain:3".to_owned(), "`HOST` has no tag `3` of `chain`\nhint: its tags are `1`, `2`\n".to_owned()),
        (
            format!("chain@{nothing}"),
            format!("`HOST` has no `chain` with the digest {nothing}\nhint: its tags are `1`, `2`\n"),
        ),
        (
            "chains".to_owned(),
            "`HOST` has no `chains`\nhint: is that its name? if only some may see it: `docker login HOST`\n".to_owned(),
        ),
    ] {
        let shown = if reference == "chains" { "chains:latest" } else { &reference };
        let expect = format!("error: cannot pull `oci://HOST/{shown}`: {expect}");
        assert_eq!(place.refused(&registry.reference(&reference)), expect);
    }
}

#[test]
fn what_was_changed_in_the_registry_is_refused() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let digest = place.push(&chain(), &registry.reference("chain:1"));
    let manifest = std::fs::read(registry.blob(&digest)).unwrap();
    let layer: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layer = layer["layers"][0]["digest"].as_str().unwrap().to_owned();

    let file = registry.blob(&layer);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::write(place.path("kept.wasm"), "what was there").unwrap();
    for reference in ["chain:1", &format!("chain@{digest}")] {
        let (code, stdout, stderr) = place.wasmill(&["pull", &registry.reference(reference), "--to", "kept.wasm"]);
        let start = "the component that came is not the one that was asked for: its digest is sha256:";
        assert!(stderr.starts_with(&format!("error: cannot pull `oci://HOST/{reference}`: {start}")), "{stderr}");
        assert!(stderr.contains(&format!(", not {layer}\nhint: it was damaged or exchanged")), "{stderr}");
        assert_eq!((code, stdout.as_str()), (2, ""));
        assert_eq!(std::fs::read_to_string(place.path("kept.wasm")).unwrap(), "what was there");
    }

    bytes.extend_from_slice(&[0; 1 << 20]);
    std::fs::write(&file, &bytes).unwrap();
    let said = place.refused(&registry.reference("chain:1"));
    assert!(said.contains("`HOST` answers: a component longer than the "), "{said}");
}

#[test]
fn another_manifest_than_the_one_that_was_asked_for_is_refused() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let digest = place.push(&chain(), &registry.reference("chain:1"));
    let manifest = String::from_utf8(std::fs::read(registry.blob(&digest)).unwrap()).unwrap();
    std::fs::write(registry.blob(&digest), manifest.replace("\"schemaVersion\":2", "\"schemaVersion\": 2")).unwrap();
    let said = place.refused(&registry.reference(&format!("chain@{digest}")));
    assert!(said.contains("the manifest that came is not the one that was asked for: its digest is sha256:"), "{said}");
}

#[test]
fn only_who_may_gets_in_and_no_password_is_printed() {
    /// bcrypt of the password below.
    const USERS: &str = "ada:$2b$04$O/UiGDmgmTQAT9kkvpFieOcZglADex8xjHW8WZ/NPrpdTtIEQxNOK\n";
    const PASSWORD: &str = "correct-horse";
    let files = tempfile::tempdir().unwrap();
    let users = files.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let registry = Registry::start(&format!(" htpasswd: {{ realm: test, path: '{}' }} ", users.display()), "");
    let (chain, reference) = (chain(), registry.reference("chain:1"));
    let push = ["push", chain.to_str().unwrap(), &reference];
    let login = "hint: `docker login HOST`, or WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD\n";
    let check = |variables: &[(&'static str, &str)], expect: Option<&str>| {
        let place = Place::new(&registry).with(variables);
        let (code, stdout, stderr) = place.wasmill(&push);
        assert!(!stdout.contains(PASSWORD) && !stderr.contains(PASSWORD));
        match expect {
            Some(said) => {
                assert_eq!((code, stdout.as_str()), (2, ""));
                assert_eq!(stderr.replace(&files.path().display().to_string(), "FILES"), format!("error: {said}"));
            }
            None => {
                assert_eq!((code, stderr.as_str()), (0, ""));
                assert_eq!(place.wasmill(&["pull", &reference]).0, 0);
            }
        }
    };
    let cannot = "cannot push to `oci://HOST/chain:1`:";
    check(&[], Some(&format!("{cannot} `HOST` asks for credentials, and there are none\n{login}")));
    check(
        &[("WASMILL_REGISTRY_USER", "ada"), ("WASMILL_REGISTRY_PASSWORD", "wrong")],
        Some(&format!("{cannot} `HOST` does not take the credentials for this\n{login}")),
    );
    check(
        &[("WASMILL_REGISTRY_USER", "ada")],
        Some("of WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD only one is set\nhint: set both, or none\n"),
    );
    check(&[("WASMILL_REGISTRY_USER", "ada"), ("WASMILL_REGISTRY_PASSWORD", PASSWORD)], None);

    let docker = |name: &str, config: serde_json::Value| {
        let folder = files.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        folder.to_str().unwrap().to_owned()
    };
    let helper = |name: &str, script: &str| {
        let path = files.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\ncat >/dev/null\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    helper("right", &format!(r#"echo '{{"Username":"ada","Secret":"{PASSWORD}"}}'"#));
    helper("broken", &format!("echo {PASSWORD}; echo {PASSWORD} >&2; exit 1"));
    helper("empty", "echo 'credentials not found in native keychain'; exit 1");
    let path = format!("{}:{}", files.path().display(), std::env::var("PATH").unwrap());
    let failed = "cannot read the credentials for `HOST`:";
    for (name, config, expect) in [
        // base64 of `ada:` and the password.
        ("auths", json!({ "auths": { &registry.addr: { "auth": "YWRhOmNvcnJlY3QtaG9yc2U=" } } }), None),
        (
            "other",
            json!({ "auths": { "registry.example": { "auth": "YWRhOmNvcnJlY3QtaG9yc2U=" } } }),
            Some(format!("{cannot} `HOST` asks for credentials, and there are none\n{login}")),
        ),
        ("helper", json!({ "credHelpers": { &registry.addr: "right" } }), None),
        ("store", json!({ "credsStore": "right" }), None),
        (
            "empty",
            json!({ "credsStore": "empty" }),
            Some(format!("{cannot} `HOST` asks for credentials, and there are none\n{login}")),
        ),
        (
            "broken",
            json!({ "credsStore": "broken" }),
            Some(format!(
                "{cannot} {failed} `docker-credential-broken` failed\nhint: see what it says: `echo HOST | docker-credential-broken get`\n"
            )),
        ),
        (
            "missing",
            json!({ "credsStore": "missing" }),
            Some(format!(
                "{cannot} {failed} a helper that `FILES/missing/config.json` names cannot be run\nhint: install `docker-credential-NAME`, as its `credsStore` or `credHelpers` says\n"
            )),
        ),
        (
            "text",
            json!("ada"),
            Some(format!(
                "{cannot} {failed} `FILES/text/config.json` is not a configuration of Docker's\nhint: `docker login` writes it anew\n"
            )),
        ),
        (
            "coded",
            json!({ "auths": { &registry.addr: { "auth": "=" } } }),
            Some(format!(
                "{cannot} {failed} those in `FILES/coded/config.json` cannot be decoded\nhint: `docker login` writes it anew\n"
            )),
        ),
        (
            "token",
            json!({ "auths": { &registry.addr: { "identitytoken": "x" } } }),
            Some(format!(
                "{cannot} {failed} they are an identity token, which is not known here\nhint: set WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD\n"
            )),
        ),
    ] {
        check(&[("DOCKER_CONFIG", &docker(name, config)), ("PATH", &path)], expect.as_deref());
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let descriptor = |kind: &str, content: &[u8]| json!({ "mediaType": kind, "digest": registry.put_blob("other", content), "size": content.len() });
    let manifest = |config: serde_json::Value, layers: serde_json::Value| {
        let kind = "application/vnd.oci.image.manifest.v1+json";
        json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers })
    };
    let tar = descriptor("application/vnd.oci.image.layer.v1.tar", &[0; 1024]);
    let image = manifest(descriptor("application/vnd.oci.image.config.v1+json", b"{}"), json!([tar]));
    let image_digest = registry.put_manifest("other", "image", &image);
    let kind = "application/vnd.oci.image.index.v1+json";
    let platform = json!({ "architecture": "amd64", "os": "linux" });
    let entry = json!({
        "mediaType": image["mediaType"], "digest": image_digest, "size": image.to_string().len(), "platform": platform,
    });
    registry.put_manifest("other", "index", &json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [entry] }));
    let wasm = || descriptor("application/vnd.wasm.config.v0+json", b"{\"os\":\"wasip1\"}");
    let module = descriptor("application/wasm", b"\0asm\x01\0\0\0");
    registry.put_manifest("other", "module", &manifest(wasm(), json!([module])));
    registry.put_manifest("other", "two", &manifest(wasm(), json!([module, module])));
    let text = descriptor("application/wasm", b"#!/bin/sh\n");
    registry.put_manifest("other", "text", &manifest(wasm(), json!([text])));
    let chart = manifest(descriptor("application/vnd.cncf.helm.config.v1+json", b"{}"), json!([tar]));
    registry.put_manifest("other", "chart", &chart);

    let hint = "hint: what can be pulled is what `wasmill push` makes, or another tool for the Wasm OCI layout";
    for (tag, expect) in [
        ("image", format!("it holds a container image, not a component\n{hint}")),
        ("index", format!("it holds an index of container images for several platforms, not a component\n{hint}")),
        ("two", format!("it holds WebAssembly in 2 layers, not a component\n{hint}")),
        (
            "chart",
            format!("it holds an artifact of the type `application/vnd.cncf.helm.config.v1+json`, not a component\n{hint}"),
        ),
        (
            "module",
            "it is a core module, not a component\nhint: `wasm-tools component new` makes a component of one".to_owned(),
        ),
        (
            "text",
            "it is no WebAssembly: it begins with `#!/bin/s`\nhint: a component is built for `wasm32-wasip2`, or composed"
                .to_owned(),
        ),
    ] {
        let said = place.refused(&registry.reference(&format!("other:{tag}")));
        assert_eq!(said, format!("error: cannot pull `oci://HOST/other:{tag}`: {expect}\n"));
    }
}

#[test]
fn another_machine_is_asked_over_tls() {
    let files = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["registry.test".to_owned()]).unwrap();
    let (certificate, key) = (files.path().join("certificate.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!(" certificate: '{}', key: '{}' ", certificate.display(), key.display());
    let registry = Registry::start("", &tls);
    let proxy = proxy(registry.addr.clone());
    let (chain, trusted) = (chain(), certificate.to_str().unwrap().to_owned());
    let push = ["push", chain.to_str().unwrap(), "oci://registry.test/chain:1"];

    let place = Place::new(&registry).with(&[("HTTPS_PROXY", &proxy)]);
    let (code, _, stderr) = place.wasmill(&push);
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot reach `registry.test`: invalid peer certificate: "), "{stderr}");

    let place = Place::new(&registry).with(&[("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", &trusted)]);
    place.push(&chain, "oci://registry.test/chain:1");
    let (code, _, stderr) = place.wasmill(&["pull", "oci://registry.test/chain:1"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(std::fs::read(place.path("chain.wasm")).unwrap() == std::fs::read(chain).unwrap());
}

#[test]
fn plain_http_with_another_machine_must_be_asked_for() {
    let registry = Registry::start("", "");
    // It answers what is sent to a proxy, too.
    let proxy = format!("http://{}", registry.addr);
    let place = Place::new(&registry).with(&[("HTTP_PROXY", &proxy), ("HTTPS_PROXY", &proxy)]);
    let (chain, reference) = (chain(), "oci://registry.test/chain:1");
    let (code, _, stderr) = place.wasmill(&["push", chain.to_str().unwrap(), reference]);
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot reach `registry.test`: ") && stderr.contains("--insecure speaks"), "{stderr}");
    let (code, _, stderr) = place.wasmill(&["push", chain.to_str().unwrap(), reference, "--insecure"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(place.wasmill(&["pull", reference, "--insecure"]).0, 0);
    assert!(std::fs::read(place.path("chain.wasm")).unwrap() == std::fs::read(chain).unwrap());
}

/// A proxy that takes every connection to one address, whatever host was asked for.
fn proxy(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            let mut head = BufReader::new(client.try_clone().unwrap());
            let mut line = String::new();
            while head.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || {
                    // Either side may hang up.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    addr
}
