_FUNCTION_complete() {
    local kind='' line
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <(VARIABLE=bash PROGRAM -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    # If the cursor is before a blank, that blank ends the word.
    [[ ${COMP_LINE:COMP_POINT:1} == ' ' ]] && COMPREPLY=("${COMPREPLY[@]% }")
    # Lists show the last parts of paths. All words are already quoted.
    [[ $kind == paths ]] && compopt -o filenames -o noquote 2>/dev/null
    return 0
}
complete -o nospace -o bashdefault -o nosort -F _FUNCTION_complete PROGRAM 2>/dev/null ||
    complete -o nospace -o bashdefault -F _FUNCTION_complete PROGRAM
