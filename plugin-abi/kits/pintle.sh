# SPDX-License-Identifier: MIT OR Apache-2.0
#
# A kit for plugins in POSIX sh: copy it to the directory of your program, and source it there.
#
#     #!/bin/sh
#     . "${0%/*}/pintle.sh"
#     version=1.0.0 description='Reports that a cluster is ready'
#     on_post_cluster_create() { echo "cluster $PINTLE_CLUSTER is ready"; }
#     pintle_main "$@"
#
# It needs the POSIX utilities, and base64 and `mktemp -d` for scaffolding. docs/protocol.md
# describes the messages that it exchanges with the host.
#
# Set these variables:
#     version       required
#     name          default: the file's name
#     description   one line
#     events        more events, separated by spaces, besides those of the functions on_…
#     info          the other fields of INFO, as YAML: commands, options, scaffolds, …
#
# Define these functions. Each one fails with the status of its last command:
#     on_post_cluster_create   for the event post-cluster-create, and so on
#     run_small_up             for the command `small up`; or `run`, for all commands
#     scaffold                 for the step of that name, $1 is the subcommand; or
#                              inject_config, inject_resource, pre_scaffold, post_scaffold
#     suggest                  prints values for the argument $1 that begin with $2
#
# Call these functions. "Ends" means that the program ends there; in a subshell, for example in
# `$(…)` or after `|`, only the subshell ends.
#     everywhere
#         pintle_fail MESSAGE [HINT]        ends with an error
#         pintle_get WORD…                  prints a value of the host's message: the payload of
#                                           an event, or the request; fails if there is none
#         pintle_list WORD…                 prints the texts and numbers of a list, one per line
#         pintle_keys WORD…                 prints the keys of an object, or the numbers of the
#                                           items of a list
#         pintle_json TEXT                  prints a text as JSON
#         pintle_json_list TEXT…            prints texts as a JSON array
#         pintle_var NAME                   prints a variable of the host, for example CLUSTER
#     hooks
#         pintle_veto REASON                ends, and stops what the event announces
#         pintle_amend PROPERTY JSON        amends a property
#         pintle_amend PROPERTY KEY JSON    amends an entry of a property
#         pintle_amend_env NAME VALUE
#         pintle_amend_label NAME VALUE
#         pintle_amend_file PATH TEXT [MODE]
#         pintle_amend_mount SOURCE TARGET [ro]
#         pintle_amend_mirror REGISTRY ENDPOINT…
#         pintle_container NAME IMAGE [ARG…]    runs a container of the cluster, in its network,
#                                               which does not exist before the cluster
#     commands
#         pintle_continue ARG…              ends, and makes the host run other arguments
#         pintle_usage MESSAGE [HINT]       ends with an error of the caller
#         pintle_show JSON [TEXT]           prints a result in the format of the option --output
#     hooks and commands
#         pintle_service JSON               requests a service for after the program has ended
#     scaffolding
#         pintle_paths [GLOB]               prints paths, one per line
#         pintle_cat PATH                   prints a file; fails if there is none
#         pintle_mode PATH                  prints the mode of a file, for example 0644
#         pintle_ask QUESTION [DEFAULT]     prints the user's answer
#         pintle_add PATH [MODE] <CONTENT   adds a file
#         pintle_edit PATH [MODE] <CONTENT  changes a file; CONTENT is based on the present one
#         pintle_put PATH [MODE] <CONTENT   replaces a file, or adds it
#         pintle_delete PATH
#         pintle_set FIELD JSON             sets another field of the reply: config and project in
#                                           inject_config, resource in inject_resource, tools in
#                                           post_scaffold, stop in each
#
# In a plugin for another host, set `pintle_prefix` before you source the kit: SEA_DOG for a host
# that is called `sea-dog`.

# Environment variables with these names do not count.
name= version= description= events= info=

pintle_prefix=${pintle_prefix:-PINTLE}
case $pintle_prefix in
*[!A-Z0-9_]* | [0-9]*)
    echo "pintle.sh: invalid prefix \`$pintle_prefix\`" >&2
    exit 1
    ;;
esac

# The name is from the kit or the author and never from data: eval does not see any value.
pintle_var() {
    eval "printf '%s\\n' \"\${${pintle_prefix}_$1-}\""
}

pintle_main() {
    case $(pintle_var COMMAND) in
    INFO) _pintle_info ;;
    COMPLETE) suggest "$@" ;;
    EXEC)
        if [ -n "$(pintle_var EVENT)" ]; then
            _pintle_event
        elif [ -n "$(pintle_var SUBCOMMAND)" ]; then
            _pintle_step
        else
            _pintle_command "$@"
        fi
        ;;
    *)
        echo "$0: this is a plugin; register it with \`plugin register $0\`" >&2
        exit 2
        ;;
    esac
}

_pintle_info() {
    [ -z "$name" ] || printf 'name: %s\n' "$(pintle_json "$name")"
    printf 'version: %s\n' "$(pintle_json "$version")"
    printf 'description: %s\n' "$(pintle_json "$description")"
    _pintle_found=$(sed -n 's/^[[:blank:]]*on_\([a-z0-9_]*\)[[:blank:]]*().*/\1/p' "$0" | tr _ -)
    # shellcheck disable=SC2086
    set -- $_pintle_found $events
    [ $# -eq 0 ] || printf 'events: %s\n' "$(pintle_json_list "$@")"
    ! _pintle_has suggest || echo 'capabilities: [complete]'
    [ -z "$info" ] || printf '%s\n' "$info"
}

_pintle_has() {
    command -v "$1" >/dev/null 2>&1
}

# Calls a function of the author.
_pintle_call() {
    if ! _pintle_has "$1"; then
        echo "$0: the function \`$1\` is missing" >&2
        exit 1
    fi
    "$@"
}

_pintle_event() {
    _pintle_kind=event
    # The directory belongs to this call; the host removes it.
    _pintle_reply=$(pintle_var REPLY)
    _pintle_dir=${_pintle_reply%/*}
    _pintle_message=$_pintle_dir/event
    cat >"$_pintle_message"
    exec <"$_pintle_message"
    _pintle_call "on_$(pintle_var EVENT | tr - _)"
    _pintle_end $?
}

_pintle_command() {
    _pintle_kind=command
    _pintle_reply=$(pintle_var REPLY)
    _pintle_dir=${_pintle_reply%/*}
    _pintle_message=$(pintle_var REQUEST)
    _pintle_run=run_$(pintle_var WORDS | tr ' -' '__')
    _pintle_has "$_pintle_run" || _pintle_run=run
    _pintle_call "$_pintle_run" "$@"
    _pintle_end $?
}

# Ends a hook or a command whose function has returned.
_pintle_end() {
    [ "$1" -eq 0 ] || exit "$1"
    _pintle_finish
}

# Writes the reply of a hook or a command, and ends successfully.
_pintle_finish() {
    {
        printf '{'
        if [ -f "$_pintle_dir/last" ]; then
            cat "$_pintle_dir/last"
            printf ','
        fi
        if [ -f "$_pintle_dir/amend" ]; then
            printf '"amend":'
            LC_ALL=C awk -F '\t' "$_pintle_group" "$_pintle_dir/amend"
            printf ','
        fi
        printf '"services":['
        [ ! -f "$_pintle_dir/services" ] || paste -s -d , "$_pintle_dir/services"
        printf ']}\n'
    } >"$_pintle_reply"
    exit 0
}

# Groups the entries by property.
_pintle_group='
NF == 2 { whole[$1] = $2 }
NF == 3 { entries[$1] = entries[$1] ($1 in entries && entries[$1] != "" ? "," : "") $2 ":" $3 }
END {
    printf "{"
    for (it in whole) printf "%s%s:%s", (n++ ? "," : ""), it, whole[it]
    for (it in entries) printf "%s%s:{%s}", (n++ ? "," : ""), it, entries[it]
    printf "}"
}'

pintle_fail() {
    _pintle_error failed 1 "$@"
}

pintle_usage() {
    _pintle_error usage 2 "$@"
}

# Ends with an error: KIND EXIT_CODE MESSAGE [HINT].
_pintle_error() {
    _pintle_text=$(printf '{"error":{"message":%s,"kind":"%s"' "$(pintle_json "$3")" "$1")
    [ -z "${4-}" ] || _pintle_text=$_pintle_text$(printf ',"hint":%s' "$(pintle_json "$4")")
    case ${_pintle_kind-} in
    event | command)
        printf '%s}}\n' "$_pintle_text" >"$_pintle_reply"
        exit "$2"
        ;;
    step)
        printf '%s}}\n' "$_pintle_text" >&4
        exit 0
        ;;
    *)
        printf '%s\n' "$3" >&2
        exit "$2"
        ;;
    esac
}

pintle_veto() {
    printf '"veto":%s' "$(pintle_json "$1")" >"$_pintle_dir/last"
    _pintle_finish
}

pintle_continue() {
    printf '"continue":%s' "$(pintle_json_list "$@")" >"$_pintle_dir/last"
    _pintle_finish
}

pintle_amend() {
    case $# in
    2) printf '%s\t%s\n' "$(pintle_json "$1")" "$(_pintle_line "$2")" ;;
    *) printf '%s\t%s\t%s\n' "$(pintle_json "$1")" "$(pintle_json "$2")" "$(_pintle_line "$3")" ;;
    esac >>"$_pintle_dir/amend"
}

# Prints JSON on one line: outside its strings, these characters are white space.
_pintle_line() {
    printf '%s' "$1" | tr '\n\t\r' '   '
}

pintle_amend_env() {
    pintle_amend env "$1" "$(pintle_json "$2")"
}

pintle_amend_label() {
    pintle_amend labels "$1" "$(pintle_json "$2")"
}

pintle_amend_file() {
    pintle_amend files "$1" "{\"text\":$(pintle_json "$2"),\"mode\":$((0${3:-644}))}"
}

pintle_amend_mount() {
    case ${3-} in
    ro) pintle_amend mounts "$2" "{\"source\":$(pintle_json "$1"),\"read_only\":true}" ;;
    *) pintle_amend mounts "$2" "{\"source\":$(pintle_json "$1")}" ;;
    esac
}

pintle_amend_mirror() {
    _pintle_registry=$1
    shift
    pintle_amend mirrors "$_pintle_registry" "$(pintle_json_list "$@")"
}

pintle_service() {
    printf '%s\n' "$(_pintle_line "$1")" >>"$_pintle_dir/services"
}

pintle_container() {
    _pintle_text=$(printf '"name":%s,"image":%s' "$(pintle_json "$1")" "$(pintle_json "$2")")
    shift 2
    _pintle_text=$_pintle_text$(printf ',"args":%s,"cluster":%s,"network":%s' \
        "$(pintle_json_list "$@")" "$(pintle_json "$(pintle_var CLUSTER)")" \
        "$(pintle_json "$(pintle_var DOCKER_NETWORK)")")
    pintle_service "{\"service\":\"containers\",\"call\":\"run\",$_pintle_text}"
}

pintle_show() {
    _pintle_text=$(pintle_var ARG_OUTPUT)
    _pintle_text=$(printf '"form":%s,"value":%s' "$(pintle_json "${_pintle_text:-text}")" "$1")
    [ $# -lt 2 ] || _pintle_text=$_pintle_text$(printf ',"view":{"text":%s}' "$(pintle_json "$2")")
    pintle_service "{\"service\":\"show\",$_pintle_text}"
}

_pintle_step() {
    _pintle_kind=step
    # The author's functions may use the standard streams: 3 and 4 are connected to the host.
    exec 3<&0 4>&1 </dev/null 1>&2
    _pintle_dir=$(mktemp -d)
    trap 'rm -rf "$_pintle_dir"' EXIT
    trap 'exit 143' HUP INT TERM
    _pintle_message=$_pintle_dir/request
    _pintle_read "$_pintle_message"
    # The message is the value of `request`.
    _pintle_root=request
    case $(pintle_var STEP) in
    inject_config) _pintle_call inject_config "$(pintle_var SUBCOMMAND)" ;;
    inject_resource) _pintle_call inject_resource "$(pintle_var SUBCOMMAND)" ;;
    pre_scaffold) _pintle_call pre_scaffold "$(pintle_var SUBCOMMAND)" ;;
    post_scaffold) _pintle_call post_scaffold "$(pintle_var SUBCOMMAND)" ;;
    *) _pintle_call scaffold "$(pintle_var SUBCOMMAND)" ;;
    esac
    # shellcheck disable=SC2181
    [ $? -eq 0 ] || exit 1
    {
        printf '{"reply":{"nodes":['
        [ ! -f "$_pintle_dir/nodes" ] || paste -s -d , "$_pintle_dir/nodes" | tr -d '\n'
        printf '],"deleted":['
        [ ! -f "$_pintle_dir/deleted" ] || paste -s -d , "$_pintle_dir/deleted" | tr -d '\n'
        printf ']'
        [ ! -f "$_pintle_dir/fields" ] || tr -d '\n' <"$_pintle_dir/fields"
        printf '}}\n'
    } >&4
    exit 0
}

# Writes the host's next line to a file.
_pintle_read() {
    if ! IFS= read -r _pintle_answer <&3; then
        echo "$0: the host is gone" >&2
        exit 1
    fi
    printf '%s\n' "$_pintle_answer" >"$1"
}

# Sends a line, and keeps the answer; fails with a message if it is an error.
_pintle_send() {
    printf '%s\n' "$1" >&4
    _pintle_read "$_pintle_dir/answer"
    case $_pintle_answer in
    '{"error"'*)
        _pintle_find get error message <"$_pintle_dir/answer" >&2
        return 1
        ;;
    esac
}

pintle_paths() {
    case $# in
    0) _pintle_send '{"paths":{}}' ;;
    *) _pintle_send "{\"paths\":{\"glob\":$(pintle_json "$1")}}" ;;
    esac && _pintle_find list paths <"$_pintle_dir/answer"
}

pintle_cat() {
    _pintle_send "{\"nodes\":{\"path\":$(pintle_json "$1"),\"base64\":true}}" || return
    _pintle_find get nodes 0 path <"$_pintle_dir/answer" >/dev/null || return
    _pintle_find get nodes 0 base64 <"$_pintle_dir/answer" | base64 -d
}

pintle_mode() {
    _pintle_send "{\"nodes\":{\"path\":$(pintle_json "$1")}}" &&
        _pintle_find get nodes 0 mode <"$_pintle_dir/answer"
}

pintle_ask() {
    _pintle_text="\"question\":$(pintle_json "$1")"
    [ $# -lt 2 ] || _pintle_text="$_pintle_text,\"default\":$(pintle_json "$2")"
    _pintle_send "{\"service\":{\"service\":\"prompt\",$_pintle_text}}" &&
        _pintle_find get service answer <"$_pintle_dir/answer"
}

pintle_add() {
    _pintle_write add "$@"
}

pintle_edit() {
    _pintle_write edit "$@"
}

pintle_put() {
    _pintle_write put "$@"
}

_pintle_write() {
    {
        printf '{"change":"%s","path":%s' "$1" "$(pintle_json "$2")"
        [ -z "${3-}" ] || printf ',"mode":%s' "$(pintle_json "$3")"
        printf ',"base64":"'
        base64 | tr -d '\n'
        printf '"}\n'
    } >>"$_pintle_dir/nodes"
}

pintle_delete() {
    printf '%s\n' "$(pintle_json "$1")" >>"$_pintle_dir/deleted"
}

pintle_set() {
    printf ',%s:%s\n' "$(pintle_json "$1")" "$(_pintle_line "$2")" >>"$_pintle_dir/fields"
}

pintle_get() {
    _pintle_find get ${_pintle_root:+"$_pintle_root"} "$@" <"$_pintle_message"
}

pintle_list() {
    _pintle_find list ${_pintle_root:+"$_pintle_root"} "$@" <"$_pintle_message"
}

pintle_keys() {
    _pintle_find keys ${_pintle_root:+"$_pintle_root"} "$@" <"$_pintle_message"
}

pintle_json() {
    case $1 in
    # In the user's locale, the ranges may contain other letters, which need no escapes.
    *[!-A-Za-z0-9_./:@%+=,\ ]*) printf '%s.' "$1" | LC_ALL=C awk "$_pintle_escape" ;;
    *) printf '"%s"' "$1" ;;
    esac
}

pintle_json_list() {
    printf '['
    _pintle_comma=
    for _pintle_item in "$@"; do
        printf '%s%s' "$_pintle_comma" "$(pintle_json "$_pintle_item")"
        _pintle_comma=,
    done
    printf ']'
}

# Writes a text as JSON. The full stop at its end protects line feeds there from being lost.
_pintle_escape='
function write(text,  i, n, letter) {
    n = length(text)
    for (i = 1; i <= n; i++) {
        letter = substr(text, i, 1)
        printf "%s", (letter in escaped) ? escaped[letter] : letter
    }
}
BEGIN {
    for (i = 1; i < 32; i++) escaped[sprintf("%c", i)] = sprintf("\\u%04x", i)
    escaped["\""] = "\\\""
    escaped["\\"] = "\\\\"
    printf "\""
}
NR > 1 { write(before); printf "\\n" }
{ before = $0 }
END { write(substr(before, 1, length(before) - 1)); printf "\"" }'

# Finds a value in the JSON on the standard input: MODE WORD…. The words are keys, and the numbers
# of items, starting from 0.
_pintle_find() {
    _pintle_mode=$1
    shift
    _pintle_words=
    for _pintle_item in "$@"; do
        _pintle_words=$_pintle_words$_pintle_item$(printf '\037')
    done
    _PINTLE_MODE=$_pintle_mode _PINTLE_WORDS=$_pintle_words LC_ALL=C awk "$_pintle_reader"
}

_pintle_reader='
function hex(text,  i, number) {
    for (i = 1; i <= 4; i++)
        number = number * 16 + index("0123456789abcdef", tolower(substr(text, i, 1))) - 1
    return number
}
function utf8(n) {
    if (n < 128) return n ? sprintf("%c", n) : ""
    if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
    if (n < 65536)
        return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
    return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, \
        128 + int(n / 64) % 64, 128 + n % 64)
}
function plain(text,  out, at, letter, number) {
    while (at = index(text, "\\")) {
        out = out substr(text, 1, at - 1)
        letter = substr(text, at + 1, 1)
        if (letter == "u") {
            number = hex(substr(text, at + 2, 4))
            at += 4
            if (number >= 55296 && number < 56320 && substr(text, at + 2, 2) == "\\u") {
                number = 65536 + (number - 55296) * 1024 + hex(substr(text, at + 4, 4)) - 56320
                at += 6
            }
            out = out utf8(number)
        } else out = out ((letter in short) ? short[letter] : letter)
        text = substr(text, at + 2)
    }
    return out text
}
# Whether the first words of the position are the given ones.
function fits(  i) {
    for (i = 1; i <= n_words; i++) if (key[i] "" != words[i]) return 0
    return 1
}
# A value begins, or is complete.
function member() {
    if (mode == "keys" && depth == n_words + 1 && fits()) { print key[depth]; found = 1 }
}
function value(text) {
    member()
    if (mode == "get" && depth == n_words && fits()) { print text; found = 1; exit }
    if (mode == "list" && depth == n_words + 1 && fits()) { print text; found = 1 }
}
function word() {
    if (bare != "" && bare != "null") value(bare)
    else if (bare == "null") member()
    bare = ""
}
BEGIN {
    mode = ENVIRON["_PINTLE_MODE"]
    n_words = split(ENVIRON["_PINTLE_WORDS"], words, "\037") - 1
    if (n_words < 0) n_words = 0
    short["n"] = "\n"; short["t"] = "\t"; short["r"] = "\r"
    short["b"] = "\b"; short["f"] = "\f"
}
{ all = all (NR > 1 ? "\n" : "") $0 }
END {
    # Parts outside and inside strings alternate.
    n_parts = split(all, parts, "\"")
    for (part = 1; part <= n_parts && !(found && mode == "get"); part++) {
        n_letters = length(parts[part])
        for (i = 1; i <= n_letters; i++) {
            letter = substr(parts[part], i, 1)
            if (letter ~ /[-+.0-9A-Za-z]/) { bare = bare letter; continue }
            word()
            if (letter == "{" || letter == "[") {
                member()
                depth++
                is_list[depth] = letter == "["
                is_key = letter == "{"
                key[depth] = 0
            } else if (letter == "}" || letter == "]") {
                depth--
                is_key = 0
            } else if (letter == ",") {
                if (is_list[depth]) key[depth]++; else is_key = 1
            }
        }
        word()
        if (part == n_parts) break
        text = parts[++part]
        while (match(text, /\\+$/) && RLENGTH % 2) text = text "\"" parts[++part]
        if (is_key) { key[depth] = plain(text); is_key = 0 } else value(plain(text))
    }
    exit !found
}'
