# Completion of llmctl for fish. `llmctl completion install fish` sets it up.

function __llmctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape 2>/dev/null; or commandline -ct)
    set -l lines ($words[1] __complete fish -- $words[2..-1] "$current" 2>/dev/null </dev/null)
    set -l number (string replace -r '^:\S+ ' '' -- "$lines[1]")

    switch "$lines[1]"
        case ':files *' ':dirs *'
            set -l head (string sub -l $number -- "$current")
            set -l rest (string sub -s (math $number + 1) -- "$current")
            if string match -q ':dirs *' -- $lines[1]
                printf '%s\n' $head(__fish_complete_directories "$rest")
            else
                printf '%s\n' $head(__fish_complete_path "$rest")
            end
        case ':command *'
            # The line of another program, as fish completes it when it stands alone.
            complete -C (string join ' ' -- (string escape -- $words[(math $number + 2)..-1]) (commandline -ct))
        case '*'
            printf '%s\n' $lines
    end
end

complete -c llmctl -e
complete -c llmctl -k -f -a '(__llmctl_complete)'
