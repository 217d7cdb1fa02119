# SPDX-License-Identifier: MIT OR Apache-2.0
"""A kit for plugins in Python 3.9 or newer: copy it to the directory of your program, and
import it there.

    #!/usr/bin/env python3
    from pintle import Plugin

    plugin = Plugin(version="1.0.0", description="Reports that a cluster is ready")

    @plugin.hook("post-cluster-create")
    def ready(event):
        print(f"cluster {event.cluster} is ready")

    plugin.main()

It needs only the standard library. docs/protocol.md describes the messages that it exchanges with
the host. In a plugin for another host, set the prefix of its variables, for example
Plugin(…, prefix="SEA_DOG") for a host called `sea-dog`.
"""

import base64
import json
import os
import sys
from typing import Any, Callable, Iterable, NoReturn, Optional, Union

__all__ = ["Call", "Error", "Event", "Node", "Plugin", "Step", "UsageError", "arg"]

JSON = dict[str, Any]


class Error(Exception):
    """Ends the program with a message, and a hint on how to fix the error."""

    kind = "failed"

    def __init__(self, message: str, hint: Optional[str] = None, causes: Iterable[str] = ()):
        super().__init__(message)
        self.hint = hint
        self.causes = list(causes)

    def _reply(self) -> JSON:
        reply = {"message": str(self), "causes": self.causes, "kind": self.kind}
        return reply if self.hint is None else {**reply, "hint": self.hint}


class UsageError(Error):
    """The error of a command's caller: the host exits with 2."""

    kind = "usage"


class _Done(Exception):
    """Ends a hook or a command early and successfully."""


def arg(name: str, kind: str = "option", complete: Optional[Callable] = None, **rest: Any) -> JSON:
    """Describes an argument: `kind` is option, positional, flag or count. `complete` gets the
    part that is typed so far, and returns values, or pairs of a value and a short description."""
    described = {"name": name, "kind": kind, **rest}
    if complete is not None:
        described.update(completed=True, _complete=complete)
    return described


class _Answering:
    """A hook or a command: the host runs the requested services after the program has ended."""

    def __init__(self, plugin: "Plugin"):
        self._plugin = plugin
        self._reply: JSON = {}

    def service(self, service: str, **fields: Any) -> None:
        """Requests a service."""
        self._reply.setdefault("services", []).append({"service": service, **fields})

    def container(self, name: str, image: str, *args: str, **fields: Any) -> None:
        """Runs a container; `fields` are those of a container's specification, for example
        `cluster` and `network`."""
        fields = {"name": name, "image": image, "args": list(args), **fields}
        self.service("containers", call="run", **fields)


class Event(_Answering):
    """An event, as a hook gets it."""

    def __init__(self, plugin: "Plugin"):
        super().__init__(plugin)
        self.name: str = plugin.var("EVENT")
        self.payload: JSON = json.loads(sys.stdin.buffer.read() or b"{}")
        self.options: JSON = self.payload.get("options") or {}

    @property
    def cluster(self) -> str:
        """The name of the cluster, for events that have one."""
        return self.payload.get("cluster", {}).get("name", "")

    def section(self) -> Any:
        """Returns the plugin's own section of the cluster file, or None."""
        name = self._plugin.key.partition("/")[0]
        return (self.payload.get("config") or {}).get(name)

    def amend(self, **properties: Any) -> None:
        """Amends what is about to be created, for example with env={"A": "1"}."""
        amend = self._reply.setdefault("amend", {})
        for name, value in properties.items():
            if isinstance(value, dict) and isinstance(amend.get(name), dict):
                amend[name].update(value)
            else:
                amend[name] = value

    def veto(self, reason: str) -> NoReturn:
        """Stops what the event announces."""
        self._reply["veto"] = reason
        raise _Done

    def container(self, name: str, image: str, *args: str, **fields: Any) -> None:
        """Runs a container, by default one of the cluster, in its network, which does not exist
        before the cluster."""
        cluster = self.payload.get("cluster", {})
        fields.setdefault("cluster", cluster.get("name", ""))
        fields.setdefault("network", cluster.get("network", ""))
        super().container(name, image, *args, **fields)


class Call(_Answering):
    """A call of a command, with the values of its arguments: call["name"], call.get("name")."""

    def __init__(self, plugin: "Plugin"):
        super().__init__(plugin)
        with open(plugin.var("REQUEST"), encoding="utf-8") as file:
            self.request: JSON = json.load(file)
        self.words: str = plugin.var("WORDS")
        self.args: JSON = self.request["args"]

    def __getitem__(self, name: str) -> Any:
        return self.args[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the value of an argument, or `default` if it has none."""
        return self.args.get(name, default)

    def continue_with(self, *args: str) -> NoReturn:
        """Makes the host run other arguments."""
        self._reply["continue"] = list(args)
        raise _Done

    def show(self, value: Any, text: Optional[str] = None, table: Optional[JSON] = None) -> None:
        """Prints a result in the format of the option `output`; for people, it is a text or a table
        of `columns` and `rows`."""
        view = {key: it for key, it in [("text", text), ("table", table)] if it is not None}
        self.service("show", form=self.get("output", "text"), value=value, view=view)


class Node:
    """A file of the project."""

    def __init__(self, sent: JSON):
        self.path: str = sent["path"]
        self.mode: int = int(sent["mode"], 8)
        self.plugin: str = sent.get("plugin", "")
        self.subcommand: str = sent.get("subcommand", "")
        text = sent.get("text")
        self.content: bytes = base64.b64decode(sent["base64"]) if text is None else text.encode()

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


class Step:
    """A step of a scaffolding subcommand."""

    def __init__(self, plugin: "Plugin"):
        self._input = sys.stdin.buffer
        # The author's output is for the user: the host reads a copy of the standard output.
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self.request: JSON = self._read()["request"]
        self.name: str = self.request["step"]
        self.subcommand: str = self.request["subcommand"]
        self.args: JSON = self.request["args"]
        self.project: JSON = self.request["project"]
        self.resource: Optional[JSON] = self.request.get("resource")
        self.config: Any = self.request.get("config")
        self._reply: JSON = {}

    def paths(self, **selection: str) -> list[str]:
        """Returns the paths of all files, of those that match `glob`, or of those of `plugin`."""
        return self._ask("paths", selection)

    def nodes(self, **selection: str) -> list[Node]:
        """Returns files, with the selection of `paths`."""
        return [Node(it) for it in self._ask("nodes", selection)]

    def read(self, path: str) -> Optional[Node]:
        """Returns a file, or None if it does not exist."""
        found = self.nodes(path=path)
        return found[0] if found else None

    def ask(self, question: str, default: Optional[str] = None, choices: Iterable[str] = ()) -> str:
        """Asks the user."""
        prompt = {"question": question, "default": default, "choices": list(choices)}
        return self.service("prompt", **prompt)["answer"]

    def service(self, service: str, **fields: Any) -> JSON:
        """Requests a service of the host."""
        return self._ask("service", {"service": service, **fields})

    def add(self, path: str, content: Union[str, bytes], mode: int = 0o644) -> None:
        """Adds a file, which must not exist."""
        self._node("add", path, content, mode)

    def edit(self, path: str, content: Union[str, bytes], mode: Optional[int] = None) -> None:
        """Changes a file; `content` is based on the present one."""
        self._node("edit", path, content, mode)

    def put(self, path: str, content: Union[str, bytes], mode: int = 0o644) -> None:
        """Replaces a file, or adds it."""
        self._node("put", path, content, mode)

    def delete(self, path: str) -> None:
        """Deletes a file."""
        self._reply.setdefault("deleted", []).append(path)

    def set(self, **fields: Any) -> None:
        """Sets other fields of the reply: config and project in the step inject_config, resource
        in inject_resource, tools in post_scaffold, stop in each."""
        self._reply.update(fields)

    def _node(self, change: str, path: str, content: Union[str, bytes], mode: Optional[int]) -> None:
        node = {"path": path, "change": change}
        if mode is not None:
            node["mode"] = f"{mode:04o}"
        if isinstance(content, str):
            node["text"] = content
        else:
            node["base64"] = base64.b64encode(content).decode()
        self._reply.setdefault("nodes", []).append(node)

    def _ask(self, key: str, value: JSON) -> Any:
        self._write({key: value})
        answer = self._read()
        if "error" in answer:
            error = answer["error"]
            raise Error(error["message"], error.get("hint"), error.get("causes", ()))
        return answer[key]

    def _read(self) -> JSON:
        line = self._input.readline()
        if not line:
            sys.exit("the host is gone")
        return json.loads(line)

    def _write(self, line: JSON) -> None:
        self._output.write(json.dumps(line).encode() + b"\n")
        self._output.flush()


class Plugin:
    """A program's description, and its functions."""

    def __init__(self, version: str, description: str = "", prefix: str = "PINTLE", **info: Any):
        """`info` has the other fields of INFO, for example name, nouns, project_versions."""
        self._prefix = prefix
        self._info: JSON = {"version": version, "description": description, **info}
        self._hooks: dict[str, Callable] = {}
        self._commands: dict[str, Callable] = {}
        self._scaffolds: dict[tuple[str, str], Callable] = {}
        self._completions: dict[tuple[str, str], Callable] = {}

    @property
    def key(self) -> str:
        """The plugin's key, for example `hello.pintle.dev/v1.0.0`."""
        return self.var("PLUGIN")

    def var(self, name: str) -> str:
        """Returns a variable of the host, for example var("CLUSTER")."""
        return os.environ.get(f"{self._prefix}_{name}", "")

    def hook(self, *events: str) -> Callable:
        """Registers a function as a hook; it gets an Event."""

        def register(function: Callable) -> Callable:
            self._hooks.update((event, function) for event in events)
            return function

        return register

    def options(self, command: str, *args: JSON) -> None:
        """Adds options to a command of the host; see `arg`."""
        self._info.setdefault("options", []).append({"command": command, "args": list(args)})

    def command(self, words: str, *args: JSON, **fields: Any) -> Callable:
        """Registers a function as a command; it gets a Call and returns the exit code. `fields` are
        about, long_about, groups and examples."""

        def register(function: Callable) -> Callable:
            self._commands[words] = function
            sent = self._sent(words, args)
            described = {"command": words, "args": sent, **fields}
            self._info.setdefault("commands", []).append(described)
            return function

        return register

    def _sent(self, words: str, args: Iterable[JSON]) -> list[JSON]:
        """Keeps the functions that complete arguments, and returns the arguments for the host."""
        sent = []
        for described in args:
            described = dict(described)
            complete = described.pop("_complete", None)
            if complete is not None:
                self._completions[words, described["name"]] = complete
                self._info["capabilities"] = ["complete"]
            sent.append(described)
        return sent

    def scaffold(
        self, subcommand: str, *flags: JSON, step: str = "scaffold", about: str = ""
    ) -> Callable:
        """Registers a function as a part of a scaffolding subcommand; it gets a Step."""

        def register(function: Callable) -> Callable:
            self._scaffolds[subcommand, step] = function
            self._info.setdefault("project_versions", ["3"])
            declared = self._info.setdefault("scaffolds", [])
            own = next((it for it in declared if it["subcommand"] == subcommand), None)
            if own is None:
                own = {"subcommand": subcommand, "about": "", "flags": [], "steps": []}
                declared.append(own)
            own["about"] = about or own["about"]
            own["flags"] += self._sent(subcommand, flags)
            own["steps"].append(step)
            return function

        return register

    def main(self) -> NoReturn:
        """Handles the host's request, and ends the program."""
        command = self.var("COMMAND")
        if command == "INFO":
            info = {**self._info, "events": [*self._info.get("events", []), *self._hooks]}
            print(json.dumps(info))
        elif command == "COMPLETE":
            self._complete(*sys.argv[1:3])
        elif command != "EXEC":
            name = sys.argv[0]
            print(f"{name}: this is a plugin; register it with `plugin register {name}`",
                  file=sys.stderr)
            sys.exit(2)
        elif self.var("EVENT"):
            self._answer(Event(self), self._hooks[self.var("EVENT")])
        elif self.var("SUBCOMMAND"):
            self._step()
        else:
            self._answer(Call(self), self._commands[self.var("WORDS")])
        sys.exit(0)

    def _complete(self, name: str, word: str) -> None:
        for value in self._completions[self.var("WORDS"), name](word):
            print(value if isinstance(value, str) else "\t".join(value))

    def _answer(self, call: _Answering, function: Callable) -> None:
        code = 0
        try:
            code = function(call) or 0
        except _Done:
            pass
        except Error as err:
            call._reply = {"error": err._reply()}
            code = 2 if isinstance(err, UsageError) else 1
        with open(self.var("REPLY"), "w", encoding="utf-8") as file:
            json.dump(call._reply, file)
        sys.exit(code)

    def _step(self) -> None:
        step = Step(self)
        try:
            self._scaffolds[step.subcommand, step.name](step)
            step._write({"reply": step._reply})
        except Error as err:
            step._write({"error": err._reply()})
