from devstack.supervision.backoff import LONGEST_DELAY_S, STEADY_AFTER_S, delay_before_restart, failures_after


def test_each_failure_in_a_row_doubles_the_delay_up_to_a_bound():
    delays = [delay_before_restart(failures) for failures in range(1, 12)]
    assert delays[:4] == [0.2, 0.4, 0.8, 1.6]
    assert delays[-1] == LONGEST_DELAY_S
    assert delay_before_restart(10_000) == LONGEST_DELAY_S


def test_a_process_that_served_long_enough_starts_anew():
    assert failures_after(7, served_s=STEADY_AFTER_S) == 1
    assert failures_after(7, served_s=STEADY_AFTER_S - 1) == 8
