"""How the generated pages under docs/ are drawn: one module for each page or kind of page, each a function to text."""
