"""OAuth 2.0 and OpenID Connect as clients of Microsoft Entra ID speak it: one file for each thing in the standard."""
