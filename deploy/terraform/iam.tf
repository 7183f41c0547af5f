# One role for each function, with what docs/aws.md ("Permissions") says and no more. The same
# documents serve the containers of Fargate, whose roles the module makes.

locals {
  incoming_arn = aws_s3_bucket.bucket["incoming"].arn
  outgoing_arn = aws_s3_bucket.bucket["outgoing"].arn
  assumed_by   = { lambda = "lambda.amazonaws.com", container = "ecs-tasks.amazonaws.com" }

  # How a function is, besides: its log, and its interfaces in the VPC. The latter have no resource
  # to name; Lambda itself uses them, and the function's own code is denied them.
  interface_actions = [
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
  ]
  function_arns = "arn:${data.aws_partition.here.partition}:lambda:${var.region}:${data.aws_caller_identity.here.account_id}:function:${var.name}-*"
}

data "aws_iam_policy_document" "assume" {
  for_each = local.assumed_by

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

data "aws_iam_policy_document" "in_vpc" {
  statement {
    sid       = "Interfaces"
    actions   = local.interface_actions
    resources = ["*"]
  }
  statement {
    sid       = "NotTheCode"
    effect    = "Deny"
    actions   = local.interface_actions
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arns]
    }
  }
}

# Without ListBucket S3 says 403 for what is not there, and bide could not tell absent from forbidden.
data "aws_iam_policy_document" "everyone" {
  statement {
    sid       = "AbsentIsNotForbidden"
    actions   = ["s3:ListBucket"]
    resources = [local.incoming_arn, local.outgoing_arn]
  }

  dynamic "statement" {
    for_each = local.cache_iam ? [1] : []
    content {
      sid       = "Cache"
      actions   = ["elasticache:Connect"]
      resources = [local.cache_arn, local.cache_user_arn]
    }
  }
}

# ---- front -------------------------------------------------------------------------------------

data "aws_iam_policy_document" "front" {
  source_policy_documents = [data.aws_iam_policy_document.everyone.json]

  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = concat([for queue in aws_sqs_queue.queue : queue.arn], aws_sqs_queue.batches[*].arn)
  }
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.incoming_arn}/incoming/*", "${local.incoming_arn}/claims/*", "${local.outgoing_arn}/outgoing/*"]
  }
  statement {
    sid       = "LargeBodies"
    actions   = ["s3:AbortMultipartUpload"]
    resources = ["${local.incoming_arn}/incoming/*"]
  }

  dynamic "statement" {
    for_each = aws_sqs_queue.batches
    content {
      sid       = "Batches"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      resources = [statement.value.arn]
    }
  }
  dynamic "statement" {
    for_each = aws_sqs_queue.batches
    content {
      sid       = "FailedBatches"
      actions   = ["s3:PutObject"]
      resources = ["${local.incoming_arn}/failed/*"]
    }
  }
}

resource "aws_iam_role" "front" {
  name               = "${var.name}-front"
  description        = "bide: the front"
  assume_role_policy = data.aws_iam_policy_document.assume[local.front_function ? "lambda" : "container"].json
}

resource "aws_iam_role_policy" "front" {
  name   = "bide"
  role   = aws_iam_role.front.id
  policy = data.aws_iam_policy_document.front.json
}

resource "aws_iam_role_policy" "front_in_vpc" {
  count  = local.front_function ? 1 : 0
  name   = "in-vpc"
  role   = aws_iam_role.front.id
  policy = data.aws_iam_policy_document.in_vpc.json
}

# ---- workers: each has its own queue's, and no other's -------------------------------------------

data "aws_iam_policy_document" "worker" {
  for_each                = var.queues
  source_policy_documents = [data.aws_iam_policy_document.everyone.json]

  # Lambda receives and removes with the function's role; GetQueueAttributes is its own need. A job
  # that is not due yet is sent anew.
  statement {
    sid = "Work"
    actions = [
      "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage", "sqs:GetQueueAttributes",
    ]
    resources = [aws_sqs_queue.queue[each.key].arn]
  }
  statement {
    sid       = "Results"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.outgoing_arn}/outgoing/${each.key}/*"]
  }
  statement {
    sid       = "Failures"
    actions   = ["s3:PutObject"]
    resources = ["${local.incoming_arn}/failed/${each.key}/*"]
  }
  statement {
    sid       = "Bodies"
    actions   = ["s3:GetObject"]
    resources = ["${local.incoming_arn}/incoming/${each.key}/*"]
  }
}

resource "aws_iam_role" "worker" {
  for_each           = var.queues
  name               = "${var.name}-worker-${each.key}"
  description        = "bide: workers of ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume[each.value.worker == "lambda" ? "lambda" : "container"].json
}

resource "aws_iam_role_policy" "worker" {
  for_each = var.queues
  name     = "bide"
  role     = aws_iam_role.worker[each.key].id
  policy   = data.aws_iam_policy_document.worker[each.key].json
}

resource "aws_iam_role_policy" "worker_in_vpc" {
  for_each = local.on_lambda
  name     = "in-vpc"
  role     = aws_iam_role.worker[each.key].id
  policy   = data.aws_iam_policy_document.in_vpc.json
}

resource "aws_iam_role_policy" "worker_own" {
  for_each = { for name, queue in var.queues : name => queue.policy if queue.policy != null }
  name     = "handler"
  role     = aws_iam_role.worker[each.key].id
  policy   = each.value
}

# ---- dead-letter ---------------------------------------------------------------------------------

data "aws_iam_policy_document" "dead_letter" {
  source_policy_documents = [data.aws_iam_policy_document.everyone.json]

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
    resources = [for queue in aws_sqs_queue.dead : queue.arn]
  }
  statement {
    sid       = "Results"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.outgoing_arn}/outgoing/*"]
  }
  statement {
    sid       = "Failures"
    actions   = ["s3:PutObject"]
    resources = ["${local.incoming_arn}/failed/*"]
  }
  statement {
    sid       = "Bodies"
    actions   = ["s3:GetObject"]
    resources = ["${local.incoming_arn}/incoming/*"]
  }
}

resource "aws_iam_role" "dead_letter" {
  name               = "${var.name}-dead-letter"
  description        = "bide: the dead-letter function"
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

resource "aws_iam_role_policy" "dead_letter" {
  name   = "bide"
  role   = aws_iam_role.dead_letter.id
  policy = data.aws_iam_policy_document.dead_letter.json
}

resource "aws_iam_role_policy" "dead_letter_in_vpc" {
  name   = "in-vpc"
  role   = aws_iam_role.dead_letter.id
  policy = data.aws_iam_policy_document.in_vpc.json
}

# ---- logs of the functions -----------------------------------------------------------------------

locals {
  function_logs = merge(
    local.front_function ? { front = { role = aws_iam_role.front.id, group = aws_cloudwatch_log_group.front[0].arn } } : {},
    { dead-letter = { role = aws_iam_role.dead_letter.id, group = aws_cloudwatch_log_group.dead_letter.arn } },
    { for name in keys(local.on_lambda) : "worker-${name}" => { role = aws_iam_role.worker[name].id, group = aws_cloudwatch_log_group.worker[name].arn } },
  )
}

data "aws_iam_policy_document" "logs" {
  for_each = local.function_logs

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${each.value.group}:*"]
  }
}

resource "aws_iam_role_policy" "logs" {
  for_each = local.function_logs
  name     = "logs"
  role     = each.value.role
  policy   = data.aws_iam_policy_document.logs[each.key].json
}
