"""What `course.slides` builds decks with: include lines, formulas, the page, the PDF."""
