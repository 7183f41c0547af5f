# What the programs are told: bide.toml, in the environment variable BIDE_TOML. The template writes texts
# as JSON, which TOML reads.

locals {
  cache_url = local.cache_iam ? "rediss://${local.cache_user}@${local.cache_address}:6379" : "rediss://${local.cache_user}:${var.cache_password}@${local.cache_address}:6379"

  # The handler sees these variables of its worker, and no others (docs/handlers.md).
  handler_variables = {
    for name, queue in var.queues : name => concat(
      ["PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LAMBDA_TASK_ROOT"],
      queue.policy == null ? ["AWS_REGION"] : ["AWS_*"], # what it may do there is its worker's role's
      keys(queue.environment),
    )
  }

  shared_config = {
    incoming   = aws_s3_bucket.bucket["incoming"].bucket
    outgoing   = aws_s3_bucket.bucket["outgoing"].bucket
    redis      = local.cache_url
    redis_iam  = local.cache_iam ? local.cache_name : null
    inline_max = var.inline_max
    log_level  = var.log_level

    redis_serverless = var.cache == "serverless"
  }

  queue_config = {
    for name, queue in var.queues : name => {
      url            = aws_sqs_queue.queue[name].url
      timeout        = queue.timeout
      attempts       = queue.attempts
      retention_days = queue.retention_days
    }
  }

  # Of the entries: a REST API ends a stream that is silent for five minutes, a function URL does not.
  idle_limit = { api_gateway = "290s", function_url = "880s", fargate = null }

  front_toml = templatefile("${path.module}/bide.toml.tftpl", merge(local.shared_config, {
    batches = one(aws_sqs_queue.batches[*].url)
    queues  = { for name, queue in local.queue_config : name => merge(queue, { dead = null, work = null }) }
    front = {
      anonymous     = var.anonymous
      default_queue = var.default_queue
      listen        = var.front == "fargate" ? "0.0.0.0:8080" : null
      streaming     = var.front == "api_gateway"
      whitespace    = var.whitespace
      idle_limit    = local.idle_limit[var.front]
      keys          = var.api_keys
    }
  }))

  worker_toml = {
    for name, queue in var.queues : name => templatefile("${path.module}/bide.toml.tftpl", merge(local.shared_config, {
      batches = null
      front   = null
      queues = { (name) = merge(local.queue_config[name], {
        dead = null # the dead-letter function's
        work = {
          exec         = queue.exec
          native       = queue.native
          content_type = queue.content_type
          concurrency  = queue.worker == "lambda" ? queue.batch_size : queue.concurrency
          variables    = queue.exec == null ? null : local.handler_variables[name]
        }
      }) }
    }))
  }

  dead_letter_toml = templatefile("${path.module}/bide.toml.tftpl", merge(local.shared_config, {
    batches = null
    front   = null
    queues  = { for name, queue in local.queue_config : name => merge(queue, { dead = aws_sqs_queue.dead[name].url, work = null }) }
  }))
}
