"""Lets `python -m sallyport` be the command."""

from __future__ import annotations

from sallyport.cli import main

main(prog_name="sallyport")
