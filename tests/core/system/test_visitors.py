from pathlib import Path

from core.system import visitors


def test_a_token_is_random_and_known_by_its_form() -> None:
    tokens = {visitors.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(map(visitors.is_token, tokens))
    for other in ("", "../../etc", "F" * 32, "0" * 31, "0" * 33, f"{'0' * 32}\n"):
        assert not visitors.is_token(other)


def test_a_mark_is_always_the_same_and_does_not_hold_the_token() -> None:
    token = visitors.new_token()
    assert visitors.mark_of(token) == visitors.mark_of(token) != visitors.mark_of("0" * 32)
    assert token not in visitors.mark_of(token)


def test_a_folder_says_whose_it_is_and_nobodys_is_nobodys(tmp_path: Path) -> None:
    assert visitors.marked(tmp_path) == "" == visitors.marked(tmp_path / "gone")
    visitors.mark(tmp_path, "")
    assert not list(tmp_path.iterdir())
    visitors.mark(tmp_path, visitors.mark_of("0" * 32))
    assert visitors.marked(tmp_path) == visitors.mark_of("0" * 32)
    (tmp_path / visitors.MARK).write_bytes(b"\xff")
    assert visitors.marked(tmp_path) == ""
