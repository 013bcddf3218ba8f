from pathlib import Path

from core.system import visitors


def test_tokens_are_random_and_recognised_by_their_form() -> None:
    tokens = {visitors.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(map(visitors.is_token, tokens))
    for value in ("", "../../etc", "F" * 32, "0" * 31, "0" * 33, f"{'0' * 32}\n"):
        assert not visitors.is_token(value)


def test_a_visitors_id_depends_on_the_token_and_does_not_contain_it() -> None:
    token = visitors.new_token()
    assert visitors.visitor_id(token) == visitors.visitor_id(token) != visitors.visitor_id("0" * 32)
    assert token not in visitors.visitor_id(token)


def test_the_owner_of_a_folder_is_recorded_and_a_folder_without_one_stays_empty(
    tmp_path: Path,
) -> None:
    visitor = visitors.visitor_id("0" * 32)
    assert visitors.owner(tmp_path) == "" == visitors.owner(tmp_path / "gone")
    visitors.set_owner(tmp_path, "")
    assert not list(tmp_path.iterdir())
    visitors.set_owner(tmp_path, visitor)
    assert visitors.owner(tmp_path) == visitor
    (tmp_path / visitors.OWNER).write_bytes(b"\xff")
    assert visitors.owner(tmp_path) == ""
