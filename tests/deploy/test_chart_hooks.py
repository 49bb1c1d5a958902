"""`useHelmHooks`: setup and migrations before all else, with all that they need made before them."""

import pytest

from tests.deploy.conftest import Render
from tests.support.manifests.objects import Manifest, named, of_kind, the, title
from tests.support.manifests.references import references

HOOK, WEIGHT, POLICY = "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"
OUTSIDE = {
    store: {"deploy": False, "external": {"host": f"{store}.example.com"}} for store in ("postgres", "nats", "redis")
}


@pytest.fixture
def hooked(render_with: Render) -> list[Manifest]:
    """A release with stores of the user's and hooks."""
    return render_with(useHelmHooks=True, **OUTSIDE)


def test_what_a_hook_names_is_made_before_it(hooked: list[Manifest]) -> None:
    """Helm makes hooks before everything else: an account that is no hook would not be there at an install."""
    jobs = {title(job): _weight(job) for job in of_kind(hooked, "Job")}
    assert jobs
    late = [
        f"{reference.by}: {reference.kind} {reference.name} comes after it"
        for reference in references(hooked)
        for job, weight in jobs.items()
        if reference.by == job or reference.by.startswith(f"{job}/")
        for needed in [named(hooked, reference.kind, reference.name)]
        if needed is not None and (_weight(needed) is None or (_weight(needed) or 0) >= (weight or 0))
    ]
    assert late == []


def test_rights_of_a_hook_are_made_before_it(hooked: list[Manifest]) -> None:
    setup = the(hooked, "Job", "mews-setup-1")
    for kind in ("Role", "RoleBinding", "ServiceAccount"):
        needed = the(hooked, kind, "mews-setup")
        assert (_weight(needed) or 0) < (_weight(setup) or 0)


def test_setup_comes_before_the_migrations(hooked: list[Manifest]) -> None:
    weights = {title(job): _weight(job) or 0 for job in of_kind(hooked, "Job")}
    setup = weights.pop("Job/mews-setup-1")
    assert setup < min(weights.values())
    assert len(weights) == 5


def test_nothing_but_jobs_is_left_of_hooks_that_have_succeeded(hooked: list[Manifest]) -> None:
    """Helm does not own what it has made for hooks: without them, or after an uninstall, it would refuse to make it."""
    staying = {
        found["kind"]
        for found in hooked
        if _weight(found) is not None and "hook-succeeded" not in found["metadata"]["annotations"][POLICY].split(",")
    }
    assert staying == {"Job"}
    policies = {found["metadata"]["annotations"][POLICY].split(",")[0] for found in hooked if _hooks(found)}
    assert policies == {"before-hook-creation"}


def test_without_hooks_helm_waits_for_no_job(render_with: Render) -> None:
    assert [title(found) for found in render_with() if _hooks(found) - {"test"}] == []


def _weight(manifest: Manifest) -> int | None:
    """The place of a hook among the hooks; None for what is none."""
    annotations: dict[str, str] = manifest["metadata"].get("annotations") or {}
    return int(annotations.get(WEIGHT, "0")) if _hooks(manifest) & {"pre-install", "pre-upgrade"} else None


def _hooks(manifest: Manifest) -> set[str]:
    annotations: dict[str, str] = manifest["metadata"].get("annotations") or {}
    return {hook for hook in annotations.get(HOOK, "").split(",") if hook}
