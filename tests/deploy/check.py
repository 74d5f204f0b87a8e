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
    "PersistentVolumeClaim": kubernetes("core.v1.PersistentVolumeClaim"),
    "ScaledObject": ours("scaled-object"),
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


# What is in which file, and what is added to the pipeline's name there.
FILES = {
    "deployment.yaml": ("", {"Deployment", "Service", "HorizontalPodAutoscaler"}),
    "inference-service.yaml": ("", {"InferenceService"}),
    "spin-app.yaml": ("", {"SpinApp"}),
    "workers.yaml": ("-workers", {"Deployment", "PersistentVolumeClaim", "ScaledObject"}),
}


def kubernetes_folder(folder, name):
    files = {}
    for file in sorted(folder.glob("*.yaml")):
        if file.name not in FILES:
            yield f"{file}: nothing checks it"
            continue
        end, kinds = FILES[file.name]
        documents = {document["kind"]: document for document in yaml.safe_load_all(file.read_text())}
        files[file.name] = documents
        if set(documents) != kinds:
            yield f"{file}: it has {sorted(documents)}, expected {sorted(kinds)}"
            return
        for kind, document in documents.items():
            yield from (f"{file}: {error}" for error in checked(SCHEMAS[kind], document, ["spec"]))
            if document["metadata"]["name"] != name + end:
                yield f"{file}: the name of its {kind} is not {name}{end}"
    missing = [file for file, (end, _) in FILES.items() if not end and file not in files]
    if missing:
        yield f"{folder}: there is no {', '.join(missing)}"
        return
    yield from endpoint(folder, files["deployment.yaml"], files["inference-service.yaml"], name)
    if "workers.yaml" in files:
        yield from workers(folder, files["workers.yaml"], f"{name}-workers")


def container_of(folder, deployment, *selectors):
    """The container of a deployment, with what is wrong about its parts' names."""
    labels = deployment["template"]["metadata"]["labels"].items()
    problems = [f"{folder}: {selector} selects no pod" for selector in selectors if not selector.items() <= labels]
    [container] = deployment["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    named = [container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")]
    problems += [f"{folder}: no port is called {port}" for port in named if port not in ports]
    if not container["securityContext"]["readOnlyRootFilesystem"]:
        problems.append(f"{folder}: a container can write anywhere")
    volumes = {volume["name"] for volume in deployment["template"]["spec"]["volumes"]}
    if volumes != {mount["name"] for mount in container["volumeMounts"]}:
        problems.append(f"{folder}: volumes and what is mounted are not the same")
    return container, problems


def endpoint(folder, documents, inference, name):
    deployment, service = documents["Deployment"]["spec"], documents["Service"]["spec"]
    container, problems = container_of(folder, deployment, deployment["selector"]["matchLabels"], service["selector"])
    yield from problems
    if service["ports"][0]["targetPort"] not in {port["name"] for port in container["ports"]}:
        yield f"{folder}: the service has another port"
    target = documents["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    if (target["kind"], target["name"]) != ("Deployment", name):
        yield f"{folder}: the autoscaler has another target"
    [predictor] = inference["InferenceService"]["spec"]["predictor"]["containers"]
    if container["image"] != predictor["image"]:
        yield f"{folder}: two images of one endpoint"
    for place in container, predictor:
        mounted = {mount["name"] for mount in place["volumeMounts"]}
        if mounted != {"cache"} or not place["securityContext"]["readOnlyRootFilesystem"]:
            yield f"{folder}: more than the cache can be written"


def workers(folder, documents, name):
    deployment, scaled = documents["Deployment"]["spec"], documents["ScaledObject"]["spec"]
    [affinity] = deployment["template"]["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    selectors = deployment["selector"]["matchLabels"], affinity["labelSelector"]["matchLabels"]
    container, problems = container_of(folder, deployment, *selectors)
    yield from problems
    if scaled["scaleTargetRef"]["name"] != name:
        yield f"{folder}: the scaler has another target"
    volumes = {volume["name"]: volume for volume in deployment["template"]["spec"]["volumes"]}
    if volumes["state"]["persistentVolumeClaim"]["claimName"] != name:
        yield f"{folder}: the workers claim another volume"
    # The file's end is the trigger's, wherever the manifest stands by then.
    added = (folder / "nats.toml").read_text()
    manifest = tomllib.loads((folder.parent / "pipeline.toml").read_text() + added)
    [trigger] = [trigger for trigger in manifest["trigger"] if trigger["type"] == "nats"]
    [scaler] = scaled["triggers"]
    for key in "stream", "consumer":
        if scaler["metadata"][key] != trigger[key]:
            yield f"{folder}: the scaler looks at another {key} than the workers take"
    grace = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    if grace < trigger["ack_wait_seconds"]:
        yield f"{folder}: a worker is killed before what it works on may be given to others"
    tag = container["image"].rpartition("/")[2]
    if tag not in (folder.parent / "Containerfile.worker").read_text():
        yield f"{folder}: Containerfile.worker does not make {tag}"


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
