"""Runs Logic Apps playbooks durably and serves the Microsoft Graph Security API that they need."""
