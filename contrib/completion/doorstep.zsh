#compdef doorstep
# zsh completion for doorstep(1). Made by `doorstep completion zsh`.
_doorstep() {
    local verb='' given count=0 i
    local -a candidates
    given=("${words[@]}")
    local choices=''
    for ((i = 2; i < CURRENT; i++)); do
        case ${given[i]} in
        -c|--config|--wait|--quota|--quota-messages|--forward|--domain|--for|--account|-f|--from|-r|--recipient|--to|--mailbox|--name|--since) ((i++)) ;;
        -*) ;;
        *) case $count in
            0) verb=${given[i]} ;;
            1) case $verb in config|account|alias|ban|queue|mailbox|message|sieve|journal) verb="$verb "${given[i]} ;; esac ;;
            esac
            ((count++)) ;;
        esac
    done
    if [[ ${given[CURRENT - 1]} == (-c|--config) ]]; then
        _files
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
    choices+=' -c --config --json -h --help'
    candidates=(${=choices})
    compadd -a candidates || _files
}
if [[ $funcstack[1] == _doorstep ]]; then
    _doorstep "$@"
else
    compdef _doorstep doorstep
fi
