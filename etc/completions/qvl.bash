# Completion of qvl for bash: the program itself says what may stand next.
_qvl()
{
    local program=${COMP_WORDS[0]/#\~/$HOME} line IFS=$'\n'
    COMPREPLY=()
    for line in $("$program" complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$2" 2>/dev/null); do
        if [[ $line == :files ]]; then
            compopt -o filenames 2>/dev/null
            COMPREPLY+=($(compgen -f -- "$2"))
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done
}
complete -F _qvl qvl
