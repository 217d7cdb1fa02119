Register-ArgumentCompleter -Native -CommandName PROGRAM -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # PowerShell can lose an empty argument, so each word has a dot before it.
    $words = @(foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            ".$($element.Value)"
        } else {
            ".$($element.Extent.Text)"
        }
    })
    $before = $env:VARIABLE
    $env:VARIABLE = 'powershell'
    try {
        $lines = & 'PROGRAM' -- @words ".$wordToComplete" 2>$null
    } finally {
        $env:VARIABLE = $before
    }
    foreach ($line in $lines) {
        $text, $shown, $help = $line -split "`t", 3
        [System.Management.Automation.CompletionResult]::new($text, $shown, 'ParameterValue', $help)
    }
}
