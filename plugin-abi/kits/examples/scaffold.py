#!/usr/bin/env python3
"""Adds an index of the project's files, with their sizes, and updates it when APIs are added."""

from pintle import Plugin, arg

plugin = Plugin(version="1.0.0", description="An index of the project's files")


def index(step):
    files = sorted(step.nodes(), key=lambda it: it.path)
    return "".join(f"{it.path} {len(it.content)}\n" for it in files if it.path != "INDEX")


@plugin.scaffold("init", arg("index-title", default="Files", help="The first line of the index"))
def init(step):
    step.add("INDEX", step.args["index-title"] + "\n" + index(step))


@plugin.scaffold("create api")
def create_api(step):
    present = step.read("INDEX")
    title = present.text.partition("\n")[0] if present else "Files"
    step.put("INDEX", title + "\n" + index(step))


plugin.main()
