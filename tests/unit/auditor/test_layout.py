from auditor.layout import decide_layout


def test_a_src_layout_counts_packages_and_modules_below_src() -> None:
    layout = decide_layout(["src/shop/__init__.py", "src/shop/a.py", "src/single.py", "tests/test_a.py", "setup.py"])
    assert layout.kind == "src"
    assert layout.targets == ("src/shop", "src/single.py")
    assert layout.roots == ("src",)
    assert layout.own_files == ("src/shop/__init__.py", "src/shop/a.py", "src/single.py")
    assert layout.test_paths == ("tests",)


def test_a_flat_layout_leaves_out_documentation_and_tests() -> None:
    files = ["shop/__init__.py", "docs/__init__.py", "docs/conf.py", "tests/__init__.py", "tests/test_a.py", "run.py"]
    layout = decide_layout(files)
    assert layout.kind == "flat"
    assert layout.targets == ("shop",)
    assert layout.test_files == ("tests/__init__.py", "tests/test_a.py")


def test_tests_inside_a_package_are_excluded_from_its_own_code() -> None:
    files = [
        "shop/__init__.py",
        "shop/a.py",
        "shop/test_inner.py",
        "shop/tests/__init__.py",
        "shop/tests/deep/test_b.py",
    ]
    layout = decide_layout(files)
    assert layout.own_files == ("shop/__init__.py", "shop/a.py")
    assert layout.excluded == ("shop/test_inner.py", "shop/tests")


def test_a_testpath_that_is_the_package_itself_makes_no_test_of_it() -> None:
    layout = decide_layout(["toolz/__init__.py", "toolz/a.py", "toolz/tests/test_a.py"], ["toolz"])
    assert layout.own_files == ("toolz/__init__.py", "toolz/a.py")
    assert layout.test_paths == ("toolz",)


def test_a_testpath_of_another_name_makes_tests_of_its_helpers() -> None:
    layout = decide_layout(["shop/__init__.py", "checks/helper.py", "checks/test_a.py"], ["checks"])
    assert layout.test_files == ("checks/helper.py", "checks/test_a.py")


def test_single_modules_are_own_code_where_there_is_no_package() -> None:
    layout = decide_layout(["six.py", "setup.py", "test_six.py", "conftest.py"])
    assert layout.kind == "modules"
    assert layout.own_files == ("six.py",)
    assert layout.test_files == ("conftest.py", "test_six.py")


def test_packages_deeper_down_are_found_when_there_are_none_above() -> None:
    layout = decide_layout(["services/a/src/a/__init__.py", "services/a/src/a/m.py", "services/a/tests/test_m.py"])
    assert layout.kind == "nested"
    assert layout.roots == ("services/a/src",)
    assert layout.targets == ("services/a/src/a",)


def test_folders_without_init_files_still_count() -> None:
    layout = decide_layout(["scripts/a.py", "lib/b.py"])
    assert layout.own_files == ("lib/b.py", "scripts/a.py")


def test_a_folder_without_python_has_no_layout() -> None:
    layout = decide_layout(["README.md", "main.c"])
    assert (layout.kind, layout.own_files, layout.test_files) == ("none", (), ())


def test_names_that_only_begin_alike_are_not_below_each_other() -> None:
    layout = decide_layout(["shop/__init__.py", "shop_extra/__init__.py", "shop_tests/test_a.py"], ["shop_tests"])
    assert layout.targets == ("shop", "shop_extra")
    assert layout.test_files == ("shop_tests/test_a.py",)
