function __FUNCTION_complete
    set --local words (commandline --current-process --tokenize --cut-at-cursor)
    VARIABLE=fish PROGRAM -- $words (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --keep-order --no-files --command PROGRAM --arguments '(__FUNCTION_complete)'
