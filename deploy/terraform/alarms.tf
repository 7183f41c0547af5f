# What somebody should be told of. "Not breaching" where silence means that nothing was asked for.

locals {
  function_names = merge(
    { for function in aws_lambda_function.front : "front" => function.function_name },
    { for name, function in aws_lambda_function.worker : "worker-${name}" => function.function_name },
    { dead-letter = aws_lambda_function.dead_letter.function_name },
  )
}

resource "aws_cloudwatch_metric_alarm" "age" {
  for_each            = aws_sqs_queue.queue
  alarm_name          = "${each.value.name}-age"
  alarm_description   = "Messages wait long: too few workers, or they fail."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_age
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

# A message there means a worker that died five times; one that stays, a dead-letter function that fails.
resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each            = aws_sqs_queue.dead
  alarm_name          = "${each.value.name}-depth"
  alarm_description   = "Dead letters: jobs whose workers died again and again."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = local.function_names
  alarm_name          = "${each.value}-errors"
  alarm_description   = "Invocations failed: crashes, time-outs, or events that were not understood."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each            = local.function_names
  alarm_name          = "${each.value}-throttles"
  alarm_description   = "Invocations were refused: the concurrency of the account, or of the function, is used up."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "gateway" {
  count               = local.gateway ? 1 : 0
  alarm_name          = "${var.name}-gateway-5xx"
  alarm_description   = "Callers get statuses of 500 and more."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5XXError"
  dimensions          = { ApiName = aws_api_gateway_rest_api.front[0].name, Stage = aws_api_gateway_stage.front[0].stage_name }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.01
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "balancer" {
  count               = local.balancer ? 1 : 0
  alarm_name          = "${var.name}-balancer-unhealthy"
  alarm_description   = "Fronts do not answer."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.front[0].arn_suffix, TargetGroup = aws_lb_target_group.front[0].arn_suffix }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
}

# ---- rescues: results that were found though no notice came ----------------------------------------
# The front function writes a line for each. A Fargate front counts them in /metrics (bide_rescues_total).

resource "aws_cloudwatch_log_metric_filter" "rescues" {
  count          = local.front_function ? 1 : 0
  name           = "${var.name}-rescues"
  log_group_name = aws_cloudwatch_log_group.front[0].name
  pattern        = "{ $.message = \"rescued*\" }"

  metric_transformation {
    namespace = "Bide"
    name      = "${var.name}-rescues"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "rescues" {
  count               = local.front_function ? 1 : 0
  alarm_name          = "${var.name}-rescues"
  alarm_description   = "Results are found without a notice: the cache is down, full, or out of reach."
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_rescues
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns

  metric_query {
    id          = "share"
    label       = "rescues of each request"
    expression  = "FILL(rescues, 0) / requests"
    return_data = true
  }
  metric_query {
    id = "rescues"

    metric {
      namespace   = "Bide"
      metric_name = "${var.name}-rescues"
      stat        = "Sum"
      period      = 300
    }
  }
  metric_query {
    id = "requests"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      dimensions  = { FunctionName = aws_lambda_function.front[0].function_name }
      stat        = "Sum"
      period      = 300
    }
  }
}
