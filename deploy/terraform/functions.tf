# Three functions of one program: which of them it is, it knows by its handler's name.

locals {
  package             = coalesce(var.package, "${path.module}/../../build/lambda/bide-lambda-${var.architecture}.zip")
  front_function      = var.front != "fargate"
  front_timeout       = 900
  dead_letter_timeout = 60
  runtime             = "provided.al2023"
}

# ---- front -------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "front" {
  count             = local.front_function ? 1 : 0
  name              = "/aws/lambda/${var.name}-front"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "front" {
  count                          = local.front_function ? 1 : 0
  function_name                  = "${var.name}-front"
  description                    = "bide: takes requests, and waits for the results"
  role                           = aws_iam_role.front.arn
  runtime                        = local.runtime
  architectures                  = [var.architecture]
  handler                        = "front"
  filename                       = local.package
  source_code_hash               = filebase64sha256(local.package)
  timeout                        = local.front_timeout
  memory_size                    = var.front_memory
  reserved_concurrent_executions = var.front_reserved

  environment {
    variables = { BIDE_TOML = local.front_toml }
  }
  vpc_config {
    subnet_ids         = local.private_subnets
    security_group_ids = [aws_security_group.front.id]
  }
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.front[0].name
  }
  lifecycle {
    precondition {
      condition     = length(local.front_toml) < 3900
      error_message = "The front's configuration is longer than a function's environment may be (4 KB): fewer queues or keys, or shorter names."
    }
  }

  # Without its permissions it would start, and fail.
  depends_on = [aws_iam_role_policy.front, aws_iam_role_policy.front_in_vpc]
}

# ---- workers -----------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "worker" {
  for_each          = local.on_lambda
  name              = "/aws/lambda/${var.name}-worker-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "worker" {
  for_each                       = local.on_lambda
  function_name                  = "${var.name}-worker-${each.key}"
  description                    = "bide: does the jobs of ${each.key}"
  role                           = aws_iam_role.worker[each.key].arn
  runtime                        = local.runtime
  architectures                  = [var.architecture]
  handler                        = "worker"
  filename                       = coalesce(each.value.zip, local.package)
  source_code_hash               = filebase64sha256(coalesce(each.value.zip, local.package))
  layers                         = each.value.layers
  timeout                        = local.function_timeout[each.key]
  memory_size                    = each.value.memory
  reserved_concurrent_executions = each.value.reserved

  environment {
    variables = merge(each.value.environment, { BIDE_TOML = local.worker_toml[each.key] })
  }
  ephemeral_storage {
    size = each.value.disk
  }
  vpc_config {
    subnet_ids         = local.private_subnets
    security_group_ids = concat([aws_security_group.worker.id], var.worker_security_group_ids)
  }
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.worker[each.key].name
  }

  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy.worker_in_vpc]
}

resource "aws_lambda_event_source_mapping" "worker" {
  for_each                           = local.on_lambda
  event_source_arn                   = aws_sqs_queue.queue[each.key].arn
  function_name                      = aws_lambda_function.worker[each.key].arn
  function_response_types            = ["ReportBatchItemFailures"]
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.batch_window

  dynamic "scaling_config" {
    for_each = each.value.concurrency == null ? [] : [each.value.concurrency]
    content {
      maximum_concurrency = scaling_config.value
    }
  }
  dynamic "provisioned_poller_config" {
    for_each = each.value.pollers == null ? [] : [each.value.pollers]
    content {
      minimum_pollers = provisioned_poller_config.value.minimum
      maximum_pollers = provisioned_poller_config.value.maximum
    }
  }
}

# ---- dead-letter: answers for jobs whose worker died --------------------------------------------

resource "aws_cloudwatch_log_group" "dead_letter" {
  name              = "/aws/lambda/${var.name}-dead-letter"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "dead_letter" {
  function_name    = "${var.name}-dead-letter"
  description      = "bide: answers for jobs whose worker died"
  role             = aws_iam_role.dead_letter.arn
  runtime          = local.runtime
  architectures    = [var.architecture]
  handler          = "dead-letter"
  filename         = local.package
  source_code_hash = filebase64sha256(local.package)
  timeout          = local.dead_letter_timeout
  memory_size      = 128

  environment {
    variables = { BIDE_TOML = local.dead_letter_toml }
  }
  vpc_config {
    subnet_ids         = local.private_subnets
    security_group_ids = [aws_security_group.worker.id]
  }
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.dead_letter.name
  }
  lifecycle {
    precondition {
      condition     = length(local.dead_letter_toml) < 3900
      error_message = "The dead-letter function's configuration is longer than a function's environment may be (4 KB): fewer queues, or shorter names."
    }
  }

  depends_on = [aws_iam_role_policy.dead_letter, aws_iam_role_policy.dead_letter_in_vpc]
}

resource "aws_lambda_event_source_mapping" "dead_letter" {
  for_each                = var.queues
  event_source_arn        = aws_sqs_queue.dead[each.key].arn
  function_name           = aws_lambda_function.dead_letter.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
}
