# Completion of llmctl for bash. `llmctl completion install bash` sets it up.

_llmctl() {
    local line directive='' program=${COMP_WORDS[0]/#\~/$HOME}
    type -P "$program" >/dev/null || program=llmctl # an alias
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :*) directive=$line ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <("$program" __complete bash -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)

    case $directive in
        ':files '*) compopt -o default 2>/dev/null ;;
        ':dirs '*) compopt -o dirnames 2>/dev/null ;;
        ':command '*) _llmctl_program ;;
    esac
}

# The line of another program, as bash completes it when it stands alone.
_llmctl_program() {
    local at word rest=$COMP_LINE skip=$((${directive#:command } + 1))
    # bash cuts words at : and =, we don't: count only those that white space begins.
    for ((at = 0; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        case $rest in
            [[:space:]]*) ((skip--)) ;;
        esac
        ((skip > 0)) || break
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$at"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$at"
    elif ((at == COMP_CWORD)); then
        local IFS=$'\n'
        COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
    else
        compopt -o default 2>/dev/null
    fi
}

complete -o nosort -F _llmctl llmctl 2>/dev/null || complete -F _llmctl llmctl
