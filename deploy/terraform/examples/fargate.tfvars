# Many callers that wait for long: a load balancer and containers of `bide front`. Beside a queue done by
# functions, one whose jobs take hours, done by containers, too.
region = "eu-central-1"
front  = "fargate"
image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/bide:1"

default_queue = "quick"
queues = {
  quick = { native = "echo", timeout = 20 }
  long = {
    exec        = ["tr", "a-z", "A-Z"]
    worker      = "fargate"
    timeout     = 7200
    concurrency = 1
    cpu         = 1024
    memory      = 2048
  }
}

allowed_cidrs = ["203.0.113.0/24"]

cache       = "nodes"
cache_nodes = { count = 2 }
