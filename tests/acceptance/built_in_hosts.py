"""A program as people wrote them for Microsoft's cloud, its hosts in its code; nothing here knows about sallyport.

Run as `python built_in_hosts.py CLIENT_ID CLIENT_SECRET`; it prints what each library got.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

import httpx
import msal
import requests

ALERTS = "https://graph.microsoft.com/v1.0/security/alerts?$top=1&$orderby=createdDateTime desc"


def main() -> None:
    """Ask for a token, then for every alert with each library."""
    app = msal.ConfidentialClientApplication(
        sys.argv[1], client_credential=sys.argv[2], authority="https://login.microsoftonline.com/contoso.example"
    )
    token = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    got: dict[str, object] = {"token_type": token["token_type"], "issuer": app.authority.token_endpoint}

    with requests.Session() as session:
        ids, link = [], ALERTS
        while link:
            page = session.get(link, headers=headers, timeout=30).json()
            ids += [alert["id"] for alert in page["value"]]
            link = page.get("@odata.nextLink", "")
            got["link"] = link or got.get("link")
        got["requests"] = ids
        got["metadata"] = session.get(
            "https://management.azure.com/metadata/endpoints?api-version=latest", timeout=30
        ).status_code

    asked = urllib.request.Request(ALERTS.replace(" ", "%20"), headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answered:
        got["urllib"] = len(json.load(answered)["value"])
    with httpx.Client(timeout=30) as client:
        got["httpx"] = len(client.get(ALERTS, headers=headers).json()["value"])
    try:
        urllib.request.urlopen("https://www.example.com/", timeout=30)
    except urllib.error.URLError as refused:
        got["elsewhere"] = str(refused.reason)
    sys.stdout.write(json.dumps(got))


if __name__ == "__main__":
    main()
