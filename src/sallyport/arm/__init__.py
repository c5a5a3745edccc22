"""ARM template expressions (`[concat(...)]`): the language that is evaluated once, when a template is imported.

Pure: what a deployment knows (subscription, group, time, running targets) comes from an `Environment`.
"""
