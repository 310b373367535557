# Completion of llmctl for PowerShell. `llmctl completion install powershell` sets it up.

Register-ArgumentCompleter -Native -CommandName llmctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $program = $commandAst.CommandElements[0].Extent.Text
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $element = $commandAst.CommandElements |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition -and $_.Extent.EndOffset -ge $cursorPosition } |
        Select-Object -Last 1
    $current = if ($element) { $element.Extent.Text.Substring(0, $cursorPosition - $element.Extent.StartOffset).Trim("'", '"') } else { '' }

    # The dot behind the last word keeps older versions from dropping an empty one.
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
        $lines = @(& $program __complete powershell -- @words "$current." 2>$null)
    }
    finally {
        [Console]::OutputEncoding = $encoding
    }
    # Without any answer PowerShell completes files, as a line that begins with a colon asks.
    foreach ($line in $lines) {
        if ($line -notlike ':*') {
            $insert, $shown, $about = $line -split "`t", 3
            [System.Management.Automation.CompletionResult]::new($insert, $shown, 'ParameterValue', $about)
        }
    }
}
