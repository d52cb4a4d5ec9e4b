"""Pages for people: blocks of words, figures, tables and pictures, written as one HTML file that needs nothing else."""

from plusx.page.blocks import Block, Card, Code, Figure, Gallery, Note, Paragraph, Section, Table
from plusx.page.document import Page

__all__ = ["Block", "Card", "Code", "Figure", "Gallery", "Note", "Page", "Paragraph", "Section", "Table"]
