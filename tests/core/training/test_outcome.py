"""What fine-tuning brought is said with both validation accuracies."""

from core.jobs.events import Kept
from core.training.outcome import describe


def kept(**values):
    usual = {"epoch": 5, "validation_loss": 0.2, "validation_accuracy": 0.931}
    return Kept(phase="fine-tune", **(usual | {"start_accuracy": 0.8889} | values))


def test_both_accuracies_are_given():
    assert describe(kept()) == "Fine-tuning kept: 93.1 % against 88.9 % on validation."


def test_weights_between_head_and_epoch_are_said_to_be():
    assert "75 % of the way: 93.1 % against 88.9 %" in describe(kept(share=0.75))


def test_an_accuracy_that_did_not_rise_is_explained():
    assert describe(kept(start_accuracy=0.94)).endswith("on validation, with a lower loss.")
    assert describe(kept(start_accuracy=0.931)).endswith("on validation, with a lower loss.")


def test_the_head_alone_is_said_to_be_kept():
    sentence = describe(kept(epoch=0, validation_accuracy=0.8889))
    assert (
        sentence == "Fine-tuning brought nothing; the head alone was kept (88.9 % on validation)."
    )


def test_a_run_of_before_has_the_accuracy_alone():
    assert describe(kept(start_accuracy=None)) == "Fine-tuning kept: 93.1 % on validation."
