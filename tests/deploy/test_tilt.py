"""The Tiltfile, run with built-ins that take down what it declares in place of doing it."""

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import helm_python
import pytest
import starlark
import yaml

from deploy.docker.images import DOCKERFILE, Stage, stages, targets

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "mews"
BUILT_INS = {
    "allow_k8s_contexts": "contexts",
    "ci_settings": "k8s_grace_period timeout readiness_timeout",
    "default_registry": "host host_from_cluster single_name",
    "docker_build": "ref context build_args dockerfile live_update ignore only entrypoint target secret container_args",
    "encode_yaml": "obj",
    "helm": "pathToChartDir name namespace values set kube_version skip_crds",
    "k8s_context": "",
    "k8s_resource": "workload new_name port_forwards trigger_mode resource_deps objects auto_init links labels",
    "k8s_yaml": "yaml allow_duplicates",
    "local_resource": "name cmd deps trigger_mode resource_deps ignore auto_init serve_cmd allow_parallel labels env",
    "port_forward": "local_port container_port name link_path host",
    "sync": "local_path remote_path",
    "update_settings": "max_parallel_updates k8s_upsert_timeout_secs suppress_unused_image_warnings",
    "version_settings": "check_updates constraint",
}
"""What the Tiltfile may call, and what each takes, in the order of Tilt's reference."""
CONFIG = {
    "define_string": "name args usage",
    "define_string_list": "name args usage",
    "parse": "",
    "set_enabled_resources": "resources",
}
PRELUDE = """
TRIGGER_MODE_AUTO, TRIGGER_MODE_MANUAL = "auto", "manual"
config = struct(tilt_subcommand = %s, {})
""".format(", ".join(f"{name} = config_{name}" for name in CONFIG))

Arguments = dict[str, Any]


@dataclass
class Tilt:
    """One run of the Tiltfile."""

    subcommand: str = "up"
    chosen: Mapping[str, Any] = field(default_factory=dict[str, Any])
    called: list[tuple[str, Arguments]] = field(default_factory=list[tuple[str, Arguments]])
    _loaded: dict[Path, starlark.FrozenModule] = field(default_factory=dict[Path, starlark.FrozenModule])

    def run(self) -> "Tilt":
        self._load(ROOT / "Tiltfile")
        return self

    def of(self, name: str) -> list[Arguments]:
        """What a built-in was called with, each time."""
        return [arguments for called, arguments in self.called if called == name]

    @property
    def resources(self) -> dict[str, Arguments]:
        """All resources, by name."""
        found = {call["new_name"]: call for call in self.of("k8s_resource")}
        return found | {call["name"]: call for call in self.of("local_resource")}

    def _load(self, file: Path) -> starlark.FrozenModule:
        if file not in self._loaded:
            module, library = starlark.Module(), starlark.Globals.extended_by([starlark.LibraryExtension.StructType])
            for name, parameters in BUILT_INS.items():
                module.add_callable(name, self._recording(name, parameters.split()))
            for name, parameters in CONFIG.items():
                module.add_callable(f"config_{name}", self._recording(f"config.{name}", parameters.split()))
            # A path in `load` starts from the file that has it.
            loader = starlark.FileLoader(lambda path: self._load((file.parent / path).resolve()))
            for text in (PRELUDE % json.dumps(self.subcommand), file.read_text()):
                parsed = starlark.parse(str(file), text, starlark.Dialect.standard())
                starlark.eval(module, parsed, library, loader)
            self._loaded[file] = module.freeze()
        return self._loaded[file]

    def _recording(self, name: str, parameters: list[str]) -> Callable[..., Any]:
        def record(*given: Any, **named: Any) -> Any:
            arguments = dict(zip(parameters, given, strict=False)) | named
            assert len(given) <= len(parameters), f"{name} takes {len(parameters)} arguments"
            assert set(arguments) <= set(parameters), f"{name} takes no {set(arguments) - set(parameters)}"
            self.called.append((name, arguments))
            if name == "config.parse":
                return dict(self.chosen)
            return "kind-mews" if name == "k8s_context" else {"is": name, **arguments}

        return record


@pytest.fixture(scope="module")
def up() -> Tilt:
    return Tilt().run()


@pytest.fixture(scope="module")
def ci() -> Tilt:
    return Tilt("ci").run()


@pytest.fixture(scope="module")
def workloads(up: Tilt) -> dict[str, list[str]]:
    """What the chart runs with the values that the Tiltfile gives it: the images of each workload, without tags."""
    [release] = up.of("helm")
    values: dict[str, Any] = {}
    for file in release["values"]:
        values = _over(values, yaml.safe_load((ROOT / file).read_text()))
    with helm_python.Chart.load(ROOT / release["pathToChartDir"]) as chart:
        texts = chart.render(values, name=release["name"], namespace=release["namespace"])
    # Tilt leaves Helm's tests out.
    shown = [text for file, text in texts.items() if file.endswith(".yaml") and "/tests/" not in file]
    found = [each for text in shown for each in yaml.safe_load_all(text) if each]
    return {each["metadata"]["name"]: list(_images(each)) for each in found if "template" in each.get("spec", {})}


@pytest.fixture(scope="module")
def built(up: Tilt) -> dict[str, Arguments]:
    return {call["ref"]: call for call in up.of("docker_build")}


def test_all_images_of_the_release_are_built_and_no_others(
    built: dict[str, Arguments], workloads: dict[str, list[str]]
) -> None:
    used = {image for images in workloads.values() for image in images if image.startswith("mews/")}
    assert set(built) == used == {f"mews/{target}" for target in targets(DOCKERFILE.read_text())}


def test_each_image_is_a_target_of_the_dockerfile(built: dict[str, Arguments]) -> None:
    known = {stage.name for stage in stages(DOCKERFILE.read_text())}
    for ref, call in built.items():
        part = ref.removeprefix("mews/")
        assert ROOT / call["dockerfile"] == DOCKERFILE
        assert call["target"] in known
        assert part in (call["target"], call.get("build_args", {}).get("DEV_OF"))


def test_each_image_gets_all_that_its_stages_copy(built: dict[str, Arguments]) -> None:
    for ref, call in built.items():
        copied = set(_copied(call["target"], call.get("build_args", {})))
        assert copied
        only = [Path(path) for path in call["only"]]
        missing = {
            source for source in copied if not any(path in (source, *source.parents) for path in only)
            and not any(source in path.parents for path in only)
        }  # fmt: skip
        assert not missing, f"{ref} is built without {missing}"


def test_what_is_copied_into_a_running_service_is_what_it_runs_from(built: dict[str, Arguments]) -> None:
    [dev] = [stage for stage in stages(DOCKERFILE.read_text()) if stage.name == "dev"]
    reloading = {ref: call for ref, call in built.items() if call.get("live_update")}
    assert set(reloading) == set(built) - {"mews/sandbox", "mews/tools"}
    for call in reloading.values():
        steps = call["live_update"]
        copied = {Path(source).as_posix() for source in map(str, _copies(dev, call["build_args"]))}
        assert {step["local_path"] for step in steps} == copied
        assert {step["remote_path"] for step in steps} == {"/src"}
        assert copied <= set(call["only"])
    assert "ENV PYTHONPATH=/src" in dev.instructions


def test_all_paths_exist(up: Tilt, built: dict[str, Arguments]) -> None:
    [release] = up.of("helm")
    named = {*release["values"], release["pathToChartDir"]}
    for call in (*built.values(), *up.of("local_resource")):
        named |= {*call.get("only", ()), *call.get("deps", ())}
    assert not [path for path in named if not (ROOT / path).exists()]


def test_each_workload_of_the_release_is_a_resource(up: Tilt, workloads: dict[str, list[str]]) -> None:
    assert {call["workload"] for call in up.of("k8s_resource")} == set(workloads)


@pytest.mark.parametrize("subcommand", ["up", "ci"])
def test_resources_wait_for_resources_and_never_in_a_circle(subcommand: str) -> None:
    resources = Tilt(subcommand).run().resources
    graph = {name: call.get("resource_deps", []) for name, call in resources.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == set(resources)
    assert order.index("setup") < order.index("migrate-orchestrator") < order.index("orchestrator")
    assert order.index("orchestrator") < order.index("worker") < order.index("task")


def test_a_port_of_this_machine_leads_to_one_place(up: Tilt) -> None:
    ports = [port["local_port"] for call in up.of("k8s_resource") for port in call.get("port_forwards", [])]
    assert sorted(ports) == sorted(set(ports))
    assert {8080, 8101, 8102, 8103, 8104, 8105} <= set(ports)


def test_resources_have_labels(up: Tilt) -> None:
    assert {label for call in up.resources.values() for label in call["labels"]} == {
        "checks", "migrations", "services", "stores", "workers",
    }  # fmt: skip


def test_a_run_for_ci_bounds_its_time_and_runs_all_checks(up: Tilt, ci: Tilt) -> None:
    assert set(ci.of("ci_settings")[0]) == {"timeout", "readiness_timeout", "k8s_grace_period"}
    assert not up.of("ci_settings")
    assert all(call.get("auto_init", True) for call in ci.of("local_resource"))
    assert not all(call.get("auto_init", True) for call in up.of("local_resource"))


def test_a_run_for_ci_writes_no_token_into_its_log(up: Tilt, ci: Tilt) -> None:
    assert "token" in up.resources
    assert "token" not in ci.resources


def test_one_may_choose_resources_registry_contexts_namespace_and_values() -> None:
    chosen = {
        "resources": ["worker"],
        "registry": "registry:5000",
        "contexts": ["shared"],
        "namespace": "mine",
        "values": ["my.yaml"],
    }
    tilt = Tilt(chosen=chosen).run()
    assert tilt.of("config.set_enabled_resources") == [{"resources": ["worker"]}]
    assert tilt.of("default_registry") == [{"host": "registry:5000"}]
    assert tilt.of("allow_k8s_contexts") == [{"contexts": ["shared"]}]
    [release] = tilt.of("helm")
    assert (release["namespace"], release["values"][-1]) == ("mine", "my.yaml")
    assert tilt.of("encode_yaml")[0]["obj"]["metadata"]["name"] == "mine"
    assert "--namespace mine" in tilt.resources["task"]["cmd"][-1]


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    return {**below} | {
        key: _over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


def _images(workload: Mapping[str, Any]) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        yield container["image"].rpartition(":")[0]


def _copied(target: str, arguments: Mapping[str, str]) -> Iterator[Path]:
    """What a stage copies from this repository, and all stages that it is made from."""
    known = {stage.name: stage for stage in stages(DOCKERFILE.read_text())}
    waiting = [known[target]]
    while waiting:
        stage = waiting.pop()
        yield from _copies(stage, arguments)
        names = [_filled(stage.base, arguments), *(line.split("--from=")[1].split()[0] for line in _froms(stage))]
        waiting += [known[name] for name in names if name in known]


def _copies(stage: Stage, arguments: Mapping[str, str]) -> Iterator[Path]:
    for line in stage.instructions:
        words = line.split()
        if words[0] == "COPY" and "--from=" not in line:
            sources = [word for word in words[1:-1] if not word.startswith("--")]
            yield from (Path(_filled(source, arguments)) for source in sources)


def _froms(stage: Stage) -> list[str]:
    return fnmatch.filter(stage.instructions, "COPY*--from=*")


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    for name, value in arguments.items():
        text = text.replace(f"${{{name}}}", value)
    return text
