"""What is known of the selected models, and what the user decides about them, one or many at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.checkpoints.choices import MAX_TITLE
from studio.checkpoints.family_models import VARIANTS, FamilyInfo
from studio.checkpoints.library.pairing import is_tiny_vae
from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.models_page.text import AS_RECOGNISED, VARIES
from studio.ui.theme.metrics import CARD_RADIUS, CONTROL, GAP, GRID, PADDING
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import FactList, PlainLabel, named, set_tip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QImage, QPaintEvent

    from studio.checkpoints.catalog import InstalledModel
    from studio.checkpoints.choices import ModelChoices
    from studio.checkpoints.library.scan import ModelFile
    from studio.engine.memory_plan import MemoryPlan
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.theme.theme import Theme

PICTURE: Final = 168


class _Picture(QWidget):
    """The picture of a model, square."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._theme, self._thumbnails = theme, thumbnails
        self._path: Path | None = None
        self.setFixedSize(QSize(PICTURE, PICTURE))
        self.setAccessibleName(tr("Picture made with the model"))
        thumbnails.made.connect(self._on_made)

    def show_picture(self, path: Path | None) -> None:
        self._path = path
        self.setVisible(path is not None)
        if path is not None:
            self._thumbnails.want(self, [(path, self._side)], CARD_RADIUS * self.devicePixelRatioF())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        image: QImage | None = None if self._path is None else self._thumbnails.image(self._path, self._side)
        if image is not None:
            painter.drawImage(self.rect(), image)

    @property
    def _side(self) -> int:
        return round(PICTURE * self.devicePixelRatioF())

    @Slot(object)
    def _on_made(self, path: Path) -> None:
        if path == self._path:
            self.update()


class Details(Card):
    """The facts of the selected models and the choices about them.

    Signals:
        used: use the one selected model.
        tried: compare both predictions of the one selected model.
        shown: show the one selected model in its folder.
        removed: remove the selected models from the list.
        decided: the selected models with the choices that they have from now on: pairs.
    """

    used = Signal()
    tried = Signal()
    shown = Signal()
    removed = Signal()
    decided = Signal(list)

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._models: list[InstalledModel] = []
        self.picture = _Picture(theme, thumbnails)
        self.title = PlainLabel(theme, kind="title", wrap=True)
        self.origin = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.favourite = IconButton(
            theme, "star", tr("Favourite"), tip=tr("Favourites come first"), checkable=True, kind="quiet"
        )
        self.error = PlainLabel(theme, role="bad", wrap=True)
        self.facts = FactList(theme, spacing=GAP)
        self.use = TextButton(theme, tr("Use"), kind="primary")
        self.show_folder = TextButton(theme, tr("Show in folder"), icon="folder-open")
        self.remove = TextButton(theme, tr("Remove from the list"), icon="x")
        set_tip(self.remove, tr("Nothing on the disk changes"))
        self.assumed = PlainLabel(theme, wrap=True)
        self.try_both = TextButton(theme, tr("Try both"), icon="columns-2")
        set_tip(self.try_both, tr("Compare a picture of each prediction, with the same prompt and seed"))
        self.keep = {kind: TextButton(theme, text.keep(kind), kind="outline") for kind in ("eps", "v")}
        self.name = QLineEdit()
        self.name.setFont(theme.font("body"))
        self.name.setFixedHeight(CONTROL)
        self.name.setMaxLength(MAX_TITLE)
        named(self.name, tr("Name in lists"), tr("What the lists call the model; its file keeps its name"))
        self.prediction = ChoiceField(theme, tr("Prediction"))
        self.vae = ChoiceField(theme, tr("VAE"))
        self.tiny_vae = ChoiceField(theme, tr("Previews (tiny VAE)"))
        self.final_level = ChoiceField(theme, tr("Last step"))
        self.family = ChoiceField(theme, tr("Family"))
        self._lay_out(theme)
        self.use.clicked.connect(self.used)
        self.try_both.clicked.connect(self.tried)
        self.show_folder.clicked.connect(self.shown)
        self.remove.clicked.connect(self.removed)
        self.favourite.toggled.connect(self._on_favourite_toggled)
        self.name.editingFinished.connect(self._on_name_finished)
        for kind, button in self.keep.items():
            button.clicked.connect(partial(self.keep_prediction, kind))
        for field, change in self._fields():
            field.edited.connect(partial(self._on_edited, change))

    def _fields(self) -> tuple[tuple[ChoiceField, Callable[[str], dict[str, Any]]], ...]:
        return (
            (self.prediction, _prediction),
            (self.vae, lambda key: {"vae": _or_empty(key)}),
            (self.tiny_vae, lambda key: {"tiny_vae": _or_empty(key)}),
            (self.final_level, lambda key: {"final_level": key}),
            (self.family, lambda key: {"family": _or_empty(key) or None}),
        )

    def _lay_out(self, theme: Theme) -> None:
        head = QHBoxLayout()
        head.setSpacing(GAP)
        titles = QVBoxLayout()
        titles.setSpacing(GRID)
        titles.addWidget(self.title)
        titles.addWidget(self.origin)
        head.addLayout(titles, 1)
        head.addWidget(self.favourite, 0, Qt.AlignmentFlag.AlignTop)
        self._question = QWidget()
        question = QVBoxLayout(self._question)
        question.setContentsMargins(0, 0, 0, 0)
        question.setSpacing(GAP)
        question.addWidget(self.assumed)
        question.addWidget(self.try_both)
        keeping = QHBoxLayout()
        keeping.setSpacing(GAP)
        for button in self.keep.values():
            keeping.addWidget(button, 1)
        question.addLayout(keeping)
        self._renaming = QWidget()
        renaming = QVBoxLayout(self._renaming)
        renaming.setContentsMargins(0, 0, 0, 0)
        renaming.setSpacing(GRID)
        renaming.addWidget(PlainLabel(theme, tr("Name in lists"), kind="label", role="dim"))
        renaming.addWidget(self.name)
        inside = QWidget()
        choices = QVBoxLayout(inside)
        choices.setContentsMargins(0, 0, 0, 0)
        choices.setSpacing(GAP + GRID)
        choices.addWidget(self._renaming)
        for field, _ in self._fields():
            choices.addWidget(field)
        self.decisions = Collapsible(theme, tr("Overrides"), inside, open=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        column.setSpacing(GAP + GRID)
        column.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addLayout(head)
        column.addWidget(self.error)
        column.addWidget(self.use)
        column.addWidget(self._question)
        column.addWidget(self.facts)
        column.addWidget(self.decisions)
        column.addWidget(self.show_folder)
        column.addWidget(self.remove)

    # ------------------------------------------------------------------------------------------------------- showing
    def show_models(
        self,
        models: Sequence[InstalledModel],
        files: Sequence[ModelFile],
        *,
        plan: MemoryPlan | None,
        picture: Path | None,
        in_use: str,
    ) -> None:
        """Show the selected models.

        Args:
            models: at least one.
            files: every file of weights, among them the VAEs that can be chosen.
            plan: whether the model fits, if it is one.
            picture: of the model, likewise.
            in_use: the name of the model that the form uses.
        """
        self._models = list(models)
        one = models[0] if len(models) == 1 else None
        self.picture.show_picture(picture if one is not None else None)
        self.title.setText(text.chosen(len(models)) if one is None else one.title)
        self.origin.setVisible(one is not None)
        self.origin.setText("" if one is None else text.origin(one))
        self.error.setVisible(one is not None and one.card is None)
        self.error.setText("" if one is None else text.fault(one))
        self.facts.set_facts([] if one is None else text.facts(one, plan))
        self.facts.setVisible(one is not None and one.card is not None)
        self.use.setVisible(one is not None and one.card is not None)
        used = one is not None and one.name == in_use
        self.use.setEnabled(not used)
        self.use.setText(tr("In use") if used else tr("Use"))
        self.use.setAccessibleName("" if one is None else tr("Use {model}", model=one.title))
        self.show_folder.setVisible(one is not None)
        with QSignalBlocker(self.favourite):
            self.favourite.setChecked(all(model.choices.favourite for model in models))
        self._show_question()
        self._show_choices(files, one)

    def _show_question(self) -> None:
        asked = [model.card for model in self._models if text.assumed(model)]
        self._question.setVisible(bool(asked))
        self.try_both.setVisible(len(self._models) == 1)
        if len(self._models) > 1:
            self.assumed.setText(text.unsaid(len(asked)))
        elif asked and isinstance(asked[0], FamilyInfo):
            self.assumed.setText(
                tr(
                    "Its header does not say what the network predicts; {prediction} is assumed.",
                    prediction=text.prediction(asked[0].prediction, asked[0].zero_terminal_snr),
                )
            )

    def _show_choices(self, files: Sequence[ModelFile], one: InstalledModel | None) -> None:
        chosen = [model.choices for model in self._models]
        ours = [model for model in self._models if model.signature]  # models of other families
        self.decisions.setVisible(len(ours) == len(self._models))
        self._renaming.setVisible(one is not None)
        if one is not None and not (self.name.hasFocus() and self.name.isModified()):
            self.name.setText(one.choices.title)
            self.name.setPlaceholderText(one.name)
        card = one.card if one is not None else None
        recognised = ""
        if isinstance(card, FamilyInfo) and card.recognised_as is not None:
            recognised = text.prediction(*card.recognised_as)
        tiny = [file for file in files if is_tiny_vae(file)]
        for field, items, keys in (
            (self.prediction, text.predictions(recognised), map(_prediction_key, chosen)),
            (self.vae, text.vaes(files), (one.vae or AS_RECOGNISED for one in chosen)),
            (self.tiny_vae, text.tiny_vaes(tiny), (one.tiny_vae or AS_RECOGNISED for one in chosen)),
            (self.final_level, text.final_levels(), (one.final_level for one in chosen)),
            (self.family, text.families(), (one.family or AS_RECOGNISED for one in chosen)),
        ):
            field.set_items(items)
            different = set(keys)
            field.set_value(different.pop() if len(different) == 1 else VARIES)

    # ------------------------------------------------------------------------------------------------------ deciding
    def keep_prediction(self, key: str, *_: object) -> None:
        """Decide for a prediction, a key of `VARIANTS`, of those models of which it is assumed."""
        self._decide(_prediction(key), [model for model in self._models if text.assumed(model)])

    def _decide(self, changes: dict[str, Any], models: Sequence[InstalledModel] | None = None) -> None:
        asked = self._models if models is None else models
        changed = [(model, msgspec.structs.replace(model.choices, **changes)) for model in asked]
        if any(choices != model.choices for model, choices in changed):
            self.decided.emit(changed)

    def _on_edited(self, change: Callable[[str], dict[str, Any]], key: str) -> None:
        self._decide(change(key))

    @Slot(bool)
    def _on_favourite_toggled(self, on: bool) -> None:
        self._decide({"favourite": on})

    @Slot()
    def _on_name_finished(self) -> None:
        if len(self._models) == 1:
            self.name.setModified(False)
            self._decide({"title": " ".join(self.name.text().split())})


def _prediction(key: str) -> dict[str, Any]:
    if key not in VARIANTS:
        return {"prediction": None, "zero_terminal_snr": None}
    kind, zero_terminal_snr = VARIANTS[key]
    return {"prediction": kind, "zero_terminal_snr": zero_terminal_snr}


def _prediction_key(choices: ModelChoices) -> str:
    if choices.prediction is None:
        return AS_RECOGNISED
    return "v-zsnr" if choices.zero_terminal_snr else choices.prediction


def _or_empty(key: str) -> str:
    return "" if key == AS_RECOGNISED else key
