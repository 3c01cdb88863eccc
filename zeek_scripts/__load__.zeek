@load ./config
@load ./main
