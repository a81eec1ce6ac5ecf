# Completion of qvl for fish: the program itself says what may stand next.
function __qvl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -l prefix (string match -r -- '^--[^=]+=' $current)
    set -e words[1]
    for line in ($program complete $words "$current" 2>/dev/null)
        if test "$line" = :files
            set -l path (string replace -r -- '^--[^=]+=' '' "$current")
            __fish_complete_path "$path" | string replace -r '^' -- "$prefix"
        else
            echo $line
        end
    end
end
complete -c qvl -f -a '(__qvl_complete)'
