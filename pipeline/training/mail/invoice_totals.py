"""What stands below the table of an invoice: totals, VAT, how and when to pay, small print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from pipeline.training.mail.drawing import width_mm, wrapped
from pipeline.training.mail.invoice_sheet import Sheet
from pipeline.training.mail.wording import words


class TotalsSheet(Sheet):
    """Draws totals and terms of payment."""

    def _totals(self, y: float) -> float:
        chance, step = self.chance, self.style.step_mm
        rows = self._total_rows()
        shares = self.facts.regime == "normal" and (len(self.facts.shares) > 1 or chance.random() < 0.25)
        separate = shares and (self.rates_in_table or chance.random() < 0.3)
        needed = step * (1.6 * len(rows) + (len(self.facts.shares) + 3 if separate else 0) + 2)
        if y + needed > self.bottom:
            y = self._next_page()
        if chance.random() < 0.12 and len(rows) <= 5:
            end = self._total_row_table(y, rows)
            return self._share_table(self.left, end + step) if separate else end
        side = chance.choices(["right", "left", "middle"], [80, 10, 10])[0]
        label_width = max(width_mm(label, self.style.family.bold, self.style.size_pt) for label, _, _ in rows) + 4
        value_width = (
            max(width_mm(value, self.style.family.bold, self.style.size_pt * 1.25) for _, value, _ in rows) + 3
        )
        width = label_width + value_width + chance.uniform(0, 14)
        x = {"right": self.right - width, "left": self.left, "middle": (self.left + self.right - width) / 2}[side]
        bottom = y
        if separate and side == "right" and x - self.left > 70:
            bottom = self._share_table(self.left, y)
        elif separate:
            y = self._share_table(self.left, y) + step
        return max(bottom, self._total_block(x, y, width, rows))

    def _total_block(self, x: float, y: float, width: float, rows: Sequence[tuple[str, str, bool]]) -> float:
        chance, step = self.chance, self.style.step_mm
        rules = chance.choice(["none", "none", "rows", "box", "last"])
        spacing = step * chance.choice([1.0, 1.15, 1.4])
        tight = chance.random() < 0.15
        top = y - step
        for number, (label, value, strong) in enumerate(rows):
            size = self.style.size_pt * (1.2 if strong and chance.random() < 0.4 else 1.0)
            if strong and self.fills_total:
                self.paper.box(x - 1, y - 0.8 * step, width + 2, 1.2 * step, fill=(self.style.grey,) * 3, stroke=None)
            colon = self.style.colon.rstrip() if self.style.colon.strip() else ""
            self._write(x, y, label + colon, bold=strong or self.style.bold_labels)
            at = x + width_mm(label + colon + "  ", self.style.family.bold, self.style.size_pt) if tight else x + width
            self.paper.text(
                at,
                y,
                value,
                font=self.style.family.bold if strong or self.style.bold_values else self.style.family.regular,
                size_pt=size,
                align="left" if tight else "right",
            )
            if rules == "rows" or (rules == "last" and number == len(rows) - 2):
                self.paper.rule(x - 1, y + 0.35 * step, x + width + 1, y + 0.35 * step, pt=0.4)
            y += spacing
        if rules == "box":
            self.paper.box(x - 1.5, top, width + 3, y - top - 0.3 * step)
        return y

    def _total_row_table(self, y: float, rows: Sequence[tuple[str, str, bool]]) -> float:
        """Totals side by side, each below its label."""
        step = self.style.step_mm
        width = (self.right - self.left) / len(rows)
        for place, (label, value, strong) in enumerate(rows):
            x = self.left + place * width
            self.paper.box(x, y - step, width, 2.8 * step, pt=0.5)
            size = self.style.size_pt * min(
                1.0, (width - 3) / width_mm(label, self.style.family.bold, self.style.size_pt)
            )
            self.paper.text(x + width / 2, y, label, font=self._label_font(), size_pt=size, align="center")
            self.paper.text(
                x + width / 2,
                y + 1.3 * step,
                value,
                font=self.style.family.bold if strong else self.style.family.regular,
                size_pt=self.style.size_pt,
                align="center",
            )
        return y + 2.5 * step

    def _total_rows(self) -> list[tuple[str, str, bool]]:
        """Labels and values from the sum of the lines to what is to be paid."""
        found, style, chance = self.facts, self.style, self.chance

        def money(value: Decimal) -> str:
            return style.money(self.sign * value, currency=True)

        rows: list[tuple[str, str, bool]] = []
        if found.rebate or found.carriage or chance.random() < 0.05:
            rows.append((style.label("subtotal"), money(sum((i.total for i in found.items), Decimal(0))), False))
        if found.rebate:
            rows.append((style.label("rebate"), money(-found.rebate), False))
        if found.carriage:
            rows.append((style.label("carriage"), money(found.carriage), False))
        if found.regime == "franchise" and chance.random() < 0.6:
            rows.append(
                (
                    chance.choice(["Total", "Total à payer", "TOTAL", "Net à payer", "Montant total"]),
                    money(found.gross),
                    True,
                )
            )
            self.truth |= dict.fromkeys(("total_with_tax",), self._plain(found.gross))
        else:
            rows.append((style.label("net"), money(found.net), False))
            self.truth["total_without_tax"] = self._plain(found.net)
            rows += self._tax_rows(money)
            rows.append((style.label("gross"), money(found.gross), not found.paid))
            self.truth["total_with_tax"] = self._plain(found.gross)
        if found.paid:
            rows.append((style.label("paid"), money(-found.paid if chance.random() < 0.5 else found.paid), False))
        if found.paid or (found.regime != "franchise" and chance.random() < 0.5):
            label = "to_pay_credit" if found.credit else "to_pay"
            rows.append((style.label(label), money(found.to_pay), True))
        self.truth["amount_due"] = self._plain(found.to_pay)
        return rows

    def _tax_rows(self, money: Callable[[Decimal], str]) -> list[tuple[str, str, bool]]:
        found, style = self.facts, self.style
        if found.regime != "normal":
            if self.chance.random() < 0.5:
                self.truth["total_tax"] = "0.00"
                return [(style.label("tax"), money(Decimal(0)), False)]
            return []
        self.truth["total_tax"] = self._plain(found.tax)
        each = [
            (
                style.label("tax_rate")
                .replace("{r}", style.rate(s.rate))
                .replace("{b}", style.money(self.sign * s.base)),
                money(s.tax),
                False,
            )
            for s in found.shares
        ]
        several = len(each) > 1
        if self.rates_in_table or (not several and self.chance.random() < 0.4):
            return [(style.label("tax"), money(found.tax), False)]
        return (
            [*each, (style.label("tax"), money(found.tax), False)] if several and self.chance.random() < 0.5 else each
        )

    def _share_table(self, x: float, y: float) -> float:
        """Base, rate and tax of each rate."""
        style, step = self.style, self.style.step_mm
        kinds = self.chance.choice(
            [
                ["base", "share_rate", "share_tax"],
                ["share_rate", "base", "share_tax"],
                ["share_rate", "base", "share_tax", "share_gross"],
            ]
        )
        texts = [
            {
                "base": style.money(self.sign * s.base),
                "share_rate": style.rate(s.rate),
                "share_tax": style.money(self.sign * s.tax),
                "share_gross": style.money(self.sign * (s.base + s.tax)),
            }
            for s in self.facts.shares
        ]
        widths = [
            max(width_mm(t, style.family.bold, style.size_pt) for t in (style.label(k), *(row[k] for row in texts))) + 4
            for k in kinds
        ]
        rows = [{k: style.label(k) for k in kinds}, *texts]
        ruled = self.chance.random() < 0.5
        for number, row in enumerate(rows):
            at = x
            for kind, width in zip(kinds, widths, strict=True):
                if ruled:
                    self.paper.box(at, y - step, width, 1.35 * step, pt=0.4)
                self._write(at + width - 1.5, y, row[kind], bold=number == 0, right=True)
                at += width
            y += 1.35 * step
        return y

    def _payment(self, y: float) -> None:
        chance, found, style = self.chance, self.facts, self.style
        blocks: list[list[str]] = []
        if found.regime != "normal":
            blocks.append([style.label(found.regime)])
        if found.due and not found.credit and self.due_below:
            blocks.append([f"{style.label('due')}{style.colon}{style.day(found.due)}"])
            self._printed("due_date")
        elif not found.due and chance.random() < 0.6:
            blocks.append([f"{style.label('payment')}{style.colon}{style.label('terms')}"])
        if chance.random() < (0.15 if self.lookalike else 0.7) and not found.credit:
            blocks.append(self._bank_lines())
            self.truth["seller_iban"] = found.seller.iban
        if chance.random() < (0.9 if self.lookalike else 0.6):
            blocks.append([style.label("closing")])
        chance.shuffle(blocks)
        small = chance.sample(
            words("labels")["small_print"], chance.choice([0, 0, 0, 1, 2] if self.lookalike else [0, 1, 1, 2, 3])
        )
        for lines in blocks:
            for line in lines:
                y = self._below(y, line, style.size_pt)
            y += 0.6 * style.step_mm
        for text in small:
            y = self._below(y, text, min(style.size_pt, chance.uniform(5.5, 8)))

    def _below(self, y: float, text: str, size: float) -> float:
        for line in wrapped(text, self.style.family.regular, size, self.right - self.left):
            if y > self.bottom:
                y = self._next_page()
            y = self._line(self.left, y, line, size=size)
        return y

    def _bank_lines(self) -> list[str]:
        company, chance = self.facts.seller, self.chance
        label = self.style.label("bank")
        iban, bic = self.style.iban(company.iban), company.bic
        lines = [f"{label} :"] if label else []
        way = chance.randrange(4)
        if way == 0:
            return [*lines, f"IBAN {iban}", f"BIC {bic}"]
        if way == 1:
            return [f"{label + ' - ' if label else ''}IBAN : {iban} - BIC : {bic}"]
        if way == 2:
            rib = company.iban[4:]
            parts = f"Banque {rib[:5]}  Guichet {rib[5:10]}  Compte {rib[10:21]}  Clé {rib[21:]}"
            return [*lines, parts, f"IBAN : {iban}  BIC/SWIFT : {bic}"]
        return [*lines, f"Titulaire : {company.name}", f"IBAN : {iban}", f"Code BIC : {bic}"]
