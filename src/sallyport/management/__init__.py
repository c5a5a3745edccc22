"""The management surface: Microsoft.Logic and Microsoft.Web as their clients know them, and the addresses of triggers."""
