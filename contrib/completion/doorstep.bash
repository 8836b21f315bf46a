# bash completion for doorstep(1). Made by `doorstep completion bash`.
_doorstep() {
    local cur=${COMP_WORDS[COMP_CWORD]} verb='' choices='' count=0 i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c|--config|--wait|--quota|--quota-messages|--forward|--domain|--for|--account|-f|--from|-r|--recipient|--to|--mailbox|--name|--since) ((i++)) ;;
        -*) ;;
        *) case $count in
            0) verb=${COMP_WORDS[i]} ;;
            1) case $verb in config|account|alias|ban|queue|mailbox|message|sieve|journal) verb="$verb "${COMP_WORDS[i]} ;; esac ;;
            esac
            ((count++)) ;;
        esac
    done
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(-c|--config) ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    case $verb in
    '') choices='ping config account alias ban queue mailbox message deliver sieve fsck journal stats metrics top trace completion help version' ;;
    config) choices='show check' ;;
    account) choices='add list show set delete import passwd' ;;
    alias) choices='add list delete' ;;
    ban) choices='list remove add' ;;
    queue) choices='list show retry flush hold release delete' ;;
    mailbox) choices='list create rename delete special-use metadata annotate' ;;
    message) choices='list show cat flag move delete' ;;
    sieve) choices='check run explain try suite install list log get delete rename activate deactivate' ;;
    journal) choices='show verify replay' ;;
    'ping') choices=' --wait' ;;
    'account add') choices=' --quota --quota-messages --forward --disabled' ;;
    'account set') choices=' --quota --quota-messages --forward --enabled --disabled' ;;
    'account delete') choices=' --mail' ;;
    'account import') choices=' --domain' ;;
    'ban add') choices=' --for' ;;
    'queue list') choices=' --account' ;;
    'queue delete') choices=' --report' ;;
    'deliver') choices=' -f --from -r --recipient' ;;
    'sieve check') choices=' --administrator' ;;
    'sieve run') choices=' --from --to --administrator' ;;
    'sieve explain') choices=' --from --to --administrator' ;;
    'sieve try') choices=' --mailbox --from --to' ;;
    'fsck') choices=' --repair --content' ;;
    'sieve install') choices=' --name --activate' ;;
    'top') choices=' --once' ;;
    'trace') choices=' --since' ;;
    'completion') choices='bash zsh fish' ;;
    esac
    [[ $cur == -* ]] && choices+=' -c --config --json -h --help'
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
}
complete -o default -F _doorstep doorstep
