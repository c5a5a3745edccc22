"""The demonstration: sample alerts of several vendors, and a picture of how playbooks answer them."""
