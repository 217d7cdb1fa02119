#!/usr/bin/env python3
"""A shorter command for a longer one: `small up` creates a cluster."""

from pintle import Plugin, UsageError, arg

plugin = Plugin(version="1.0.0", description="Small clusters")


@plugin.command(
    "small up",
    arg("name", kind="positional", default="small", help="The name of the cluster"),
    arg("env", repeated=True, help="A variable for its node, as NAME=VALUE"),
    about="Create a cluster of one node",
)
def up(call):
    if call["name"].startswith("prod"):
        raise UsageError("a small cluster is not for production", hint="choose another name")
    env = [word for it in call.get("env", []) for word in ("--env", it)]
    call.continue_with("cluster", "create", call["name"], "--agents", "0", *env)


plugin.main()
