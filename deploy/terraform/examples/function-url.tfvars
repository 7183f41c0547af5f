# The cheapest: no gateway. Callers sign as AWS asks for (curl --aws-sigv4).
region   = "eu-central-1"
front    = "function_url"
iam_auth = true

queues = {
  jobs = { native = "echo", batch_size = 10 }
}
