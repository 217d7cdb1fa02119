#compdef PROGRAM
_FUNCTION() {
    local line word before="$QIPREFIX$IPREFIX"
    local -a fields open open_shown done done_shown end
    for line in "${(@f)$(VARIABLE=zsh PROGRAM -- "${(@)words[1,CURRENT-1]}" "$before$PREFIX" 2>/dev/null)}"; do
        fields=("${(@ps:\t:)line}")
        # The text before the word is kept. `_describe` removes backslashes.
        word="${${${fields[2]#"$before"}//\\/\\\\}//:/\\:}"
        case $fields[1] in
            (open) open+=("$word") open_shown+=("$fields[3]") ;;
            (done) done+=("$word") done_shown+=("$fields[3]") ;;
        esac
    done
    # If the cursor is before a blank, that blank ends the word.
    [[ $RBUFFER == ' '* ]] && end=(-S '')
    # All words are already quoted, and begin with the typed text.
    (($#open)) && _describe -V 'values' open_shown open -Q -U -S ''
    (($#done)) && _describe -V 'values' done_shown done -Q -U "${(@)end}"
    (($#open + $#done))
}
# zsh reads the file of a package as the function itself at the first Tab.
if [[ $funcstack[1] == _FUNCTION ]]; then
    _FUNCTION "$@"
else
    compdef _FUNCTION PROGRAM
fi
