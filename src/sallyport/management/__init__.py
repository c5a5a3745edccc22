"""The management surface: Microsoft.Logic and Microsoft.Web as clients know them, and the addresses of triggers."""
