from auditor.completion import REPORT_PATH, completion
from auditor.figures import Figures
from auditor.gates import REPORT_ONLY
from tests.support.audit_projects import PROJECT, USAGE


def test_its_own_report_is_a_deliverable_and_no_change_of_the_project() -> None:
    said = completion(Figures(project=PROJECT), REPORT_ONLY, [], USAGE, []).summary
    assert said.deliverables == [REPORT_PATH]
    assert (said.files_created, said.files_modified, said.files_deleted) == ([], [], [])
