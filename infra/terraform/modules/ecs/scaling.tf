# How many tasks there are: by what they have to do, which the exporter publishes every 10 s.

locals {
  policies = merge([for user, scaling in local.scaling : {
    for policy in scaling.policies : "${user}/${policy.PolicyName}" => merge(policy, { user = user })
  }]...)
  alarms = merge([for user, scaling in local.scaling : {
    for alarm in scaling.alarms : "${user}/${alarm.AlarmName}" => merge(alarm, { user = user })
  }]...)

  # An alarm names its policies as "$${double_policy_arn}", as they have no address yet.
  started = { for key, alarm in local.alarms : key => [
    for action in alarm.AlarmActions : "${alarm.user}/${trimsuffix(trimprefix(action, "$${"), "_policy_arn}")}"
  ] }
}

resource "aws_appautoscaling_target" "this" {
  for_each = var.services

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this[each.key].name}"
  min_capacity       = local.scaling[each.key].target.MinCapacity
  max_capacity       = local.scaling[each.key].target.MaxCapacity
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.policies

  name               = each.value.PolicyName
  policy_type        = each.value.PolicyType
  service_namespace  = aws_appautoscaling_target.this[each.value.user].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.value.user].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.value.user].resource_id

  dynamic "step_scaling_policy_configuration" {
    for_each = try([each.value.StepScalingPolicyConfiguration], [])

    content {
      adjustment_type          = step_scaling_policy_configuration.value.AdjustmentType
      cooldown                 = step_scaling_policy_configuration.value.Cooldown
      metric_aggregation_type  = step_scaling_policy_configuration.value.MetricAggregationType
      min_adjustment_magnitude = try(step_scaling_policy_configuration.value.MinAdjustmentMagnitude, null)

      dynamic "step_adjustment" {
        for_each = step_scaling_policy_configuration.value.StepAdjustments

        content {
          scaling_adjustment          = step_adjustment.value.ScalingAdjustment
          metric_interval_lower_bound = try(step_adjustment.value.MetricIntervalLowerBound, null)
          metric_interval_upper_bound = try(step_adjustment.value.MetricIntervalUpperBound, null)
        }
      }
    }
  }

  dynamic "target_tracking_scaling_policy_configuration" {
    for_each = try([each.value.TargetTrackingScalingPolicyConfiguration], [])

    content {
      target_value       = target_tracking_scaling_policy_configuration.value.TargetValue
      scale_out_cooldown = target_tracking_scaling_policy_configuration.value.ScaleOutCooldown
      scale_in_cooldown  = target_tracking_scaling_policy_configuration.value.ScaleInCooldown
      disable_scale_in   = target_tracking_scaling_policy_configuration.value.DisableScaleIn

      predefined_metric_specification {
        predefined_metric_type = target_tracking_scaling_policy_configuration.value.PredefinedMetricSpecification.PredefinedMetricType
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.value.AlarmName
  alarm_description   = each.value.AlarmDescription
  comparison_operator = each.value.ComparisonOperator
  threshold           = each.value.Threshold
  evaluation_periods  = each.value.EvaluationPeriods
  datapoints_to_alarm = each.value.DatapointsToAlarm
  treat_missing_data  = each.value.TreatMissingData
  alarm_actions       = [for policy in local.started[each.key] : aws_appautoscaling_policy.this[policy].arn]

  namespace   = try(each.value.Namespace, null)
  metric_name = try(each.value.MetricName, null)
  dimensions  = try({ for dimension in each.value.Dimensions : dimension.Name => dimension.Value }, null)
  statistic   = try(each.value.Statistic, null)
  period      = try(each.value.Period, null)

  dynamic "metric_query" {
    for_each = try(each.value.Metrics, [])

    content {
      id          = metric_query.value.Id
      expression  = try(metric_query.value.Expression, null)
      label       = try(metric_query.value.Label, null)
      return_data = metric_query.value.ReturnData

      dynamic "metric" {
        for_each = try([metric_query.value.MetricStat], [])

        content {
          namespace   = metric.value.Metric.Namespace
          metric_name = metric.value.Metric.MetricName
          dimensions  = { for dimension in metric.value.Metric.Dimensions : dimension.Name => dimension.Value }
          period      = metric.value.Period
          stat        = metric.value.Stat
        }
      }
    }
  }
}
