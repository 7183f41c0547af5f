# A queue and a dead-letter queue for each kind of work, encrypted by SQS's own keys.

locals {
  on_lambda  = { for name, queue in var.queues : name => queue if queue.worker == "lambda" }
  on_fargate = { for name, queue in var.queues : name => queue if queue.worker == "fargate" }

  # The function has 30 s besides the attempt's: to fetch, to store, and to hand back what was not done.
  function_timeout = { for name, queue in local.on_lambda : name => queue.timeout + 30 }

  # Six times the function's timeout is what AWS advises: its pollers try again themselves while the
  # function is throttled. A Fargate worker extends its messages itself, 30 s at a time.
  visibility = {
    for name, queue in var.queues : name => coalesce(
      queue.visibility, queue.worker == "lambda" ? 6 * (queue.timeout + 30) + queue.batch_window : 30
    )
  }

  message_days = 4
  dead_days    = 14
}

resource "aws_sqs_queue" "queue" {
  for_each                   = var.queues
  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = local.visibility[each.key]
  message_retention_seconds  = local.message_days * 86400
  max_message_size           = 1048576
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  # What a handler fails at is bide's to count; SQS gives up later, on what kills its worker.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = max(5, each.value.attempts + 2)
  })
}

resource "aws_sqs_queue" "dead" {
  for_each                   = var.queues
  name                       = "${var.name}-${each.key}-dead"
  visibility_timeout_seconds = 6 * local.dead_letter_timeout
  message_retention_seconds  = local.dead_days * 86400
  max_message_size           = 1048576
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each  = var.queues
  queue_url = aws_sqs_queue.dead[each.key].id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.queue[each.key].arn]
  })
}

# Of POST /batches, which only a front that stays can do. A batch that its front did not finish comes again.
resource "aws_sqs_queue" "batches" {
  count                      = var.front == "fargate" ? 1 : 0
  name                       = "${var.name}-batches"
  visibility_timeout_seconds = 30
  message_retention_seconds  = local.message_days * 86400
  max_message_size           = 1048576
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
}

# Nobody speaks to them in clear.
data "aws_iam_policy_document" "queue_tls" {
  for_each = local.all_queues

  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

locals {
  all_queues = merge(
    { for name, queue in aws_sqs_queue.queue : name => { arn = queue.arn, url = queue.url } },
    { for name, queue in aws_sqs_queue.dead : "${name}.dead" => { arn = queue.arn, url = queue.url } },
    { for queue in aws_sqs_queue.batches : ".batches" => { arn = queue.arn, url = queue.url } },
  )
}

resource "aws_sqs_queue_policy" "tls" {
  for_each  = local.all_queues
  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.queue_tls[each.key].json
}
