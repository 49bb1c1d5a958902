from auditor.completion import REPORT_PATH, completion
from auditor.figures import Figures
from auditor.gates import REPORT_ONLY
from auditor.resources import Usage
from tests.support.audit_projects import PROJECT

USAGE = Usage(memory_mb=1, memory_peak_mb=2, cpu_ms=3, wall_ms=4, read_mb=0, write_mb=0)


def test_its_own_report_is_a_deliverable_and_no_change_of_the_project() -> None:
    said = completion(Figures(project=PROJECT), REPORT_ONLY, [], USAGE, []).summary
    assert said.deliverables == [REPORT_PATH]
    assert (said.files_created, said.files_modified, said.files_deleted) == ([], [], [])
