"""Checks what puts endpoints on other platforms: `manifests/*/k8s`, `spin.toml` and `Containerfile`.

Every document against its schema (`schemas/README.md` says where they are from), and what no schema says: that the
parts name each other.
"""

import importlib.resources
import json
import shlex
import sys
import tomllib
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

KUBERNETES = "v1.37.0-local-strict"
HERE = Path(__file__).parent
ROOT = HERE.parent.parent

definitions = importlib.resources.files("kubernetes_validate") / f"kubernetes-json-schema/{KUBERNETES}/_definitions.json"
registry = Resource.from_contents(json.loads(definitions.read_text())) @ Registry()


def kubernetes(kind):
    return {"$ref": f"https://kubernetes.io/api/_definitions.json#/$defs/io.k8s.api.{kind}"}


def ours(name):
    return json.loads((HERE / "schemas" / f"{name}.json").read_text())


SCHEMAS = {
    "Deployment": kubernetes("apps.v1.Deployment"),
    "Service": kubernetes("core.v1.Service"),
    "HorizontalPodAutoscaler": kubernetes("autoscaling.v2.HorizontalPodAutoscaler"),
    "InferenceService": ours("inference-service"),
    "SpinApp": ours("spin-app"),
}
SPIN = ours("spin-manifest")


def errors(schema, document):
    """What is wrong with a document, with its place."""
    found = Draft202012Validator(schema, registry=registry).iter_errors(document)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def misspelt(document, keys):
    """The document once for each key of the mapping that `keys` lead to, with that key misspelt."""
    if not keys:
        for key in document:
            yield {f"{name}s" if name == key else name: value for name, value in document.items()}
        return
    for inner in misspelt(document[keys[0]], keys[1:]):
        yield {**document, keys[0]: inner}


def checked(schema, document, *nested):
    """What is wrong with a document; and that a schema which took anything would be noticed."""
    for keys in [[], *nested]:
        for wrong in misspelt(document, keys):
            assert errors(schema, wrong), f"the schema takes {list(wrong)}"
    return errors(schema, document)


def kubernetes_folder(folder, name):
    documents = {}
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            documents[document["kind"]] = document
            yield from (f"{file}: {error}" for error in checked(SCHEMAS[document["kind"]], document, ["spec"]))
            if document["metadata"]["name"] != name:
                yield f"{file}: its name is not {name}"
    if set(documents) != set(SCHEMAS):
        yield f"{folder}: it has {sorted(documents)}, expected {sorted(SCHEMAS)}"
        return
    deployment, service = documents["Deployment"]["spec"], documents["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    for selector in deployment["selector"]["matchLabels"], service["selector"]:
        if not selector.items() <= labels:
            yield f"{folder}: {selector} selects no pod"
    [container] = deployment["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    named = [service["ports"][0]["targetPort"]]
    named += [container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")]
    yield from (f"{folder}: no port is called {port}" for port in named if port not in ports)
    target = documents["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    if (target["kind"], target["name"]) != ("Deployment", name):
        yield f"{folder}: the autoscaler has another target"
    [predictor] = documents["InferenceService"]["spec"]["predictor"]["containers"]
    if container["image"] != predictor["image"]:
        yield f"{folder}: two images of one endpoint"
    for place in container, predictor:
        mounted = {mount["name"] for mount in place["volumeMounts"]}
        if mounted != {"cache"} or not place["securityContext"]["readOnlyRootFilesystem"]:
            yield f"{folder}: more than the cache can be written"


def spin_manifest(file):
    manifest = tomllib.loads(file.read_text())
    [(name, component)] = manifest["component"].items()
    yield from (f"{file}: {error}" for error in checked(SPIN, manifest, ["application"], ["component", name]))
    if [trigger["component"] for trigger in manifest["trigger"]["http"]] != [name]:
        yield f"{file}: the trigger runs another component"
    command = shlex.split(component["build"]["command"])
    if command[-2:] != ["-o", component["source"]]:
        yield f"{file}: the build makes another file than {component['source']}"
    missing = [pattern for pattern in component["build"]["watch"] if not list(file.parent.glob(pattern))]
    yield from (f"{file}: nothing is like {pattern}" for pattern in missing)


def main():
    problems = []
    folders = sorted(path.parent for path in ROOT.glob("manifests/*/k8s"))
    assert folders, "no manifest has a folder k8s"
    for folder in folders:
        problems += kubernetes_folder(folder / "k8s", folder.name)
        problems += spin_manifest(folder / "spin.toml")
        if f"COPY {folder.name}.wasm /endpoint.wasm\n" not in (folder / "Containerfile").read_text():
            problems.append(f"{folder}/Containerfile does not copy what is composed")
    print("\n".join(problems) or f"checked: {', '.join(folder.name for folder in folders)}", file=sys.stderr)
    sys.exit(bool(problems))


main()
